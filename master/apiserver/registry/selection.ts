/** Which objects a list, a watch or a deletion of a collection is about: label and field selectors made into one test. */
import { badRequest } from '../../api/errors.ts';
import { parseLabelSelector } from '../../api/label-selector-text.ts';
import { type FieldRequirement, matchesLabels, parseFieldSelector } from '../../api/selectors.ts';
import type { KubeObject } from '../../api/types.ts';
import type { ListOptions } from './context.ts';
import type { Strategy } from './strategy.ts';

export interface Selection {
  /** Absent: everything matches. */
  readonly matches?: (object: KubeObject) => boolean;
}

/** Throws BadRequest, in Kubernetes' words, for a selector that cannot be read or a field that cannot be selected on. */
export function selectionOf(
  strategy: Strategy,
  options: Pick<ListOptions, 'labelSelector' | 'fieldSelector'>,
): Selection {
  const labels = options.labelSelector ? readSelector(parseLabelSelector, options.labelSelector) : [];
  const fields = options.fieldSelector ? readSelector(parseFieldSelector, options.fieldSelector) : [];
  for (const { field } of fields) requireField(strategy, field);
  if (labels.length === 0 && fields.length === 0) return {};
  return {
    matches: (object) =>
      matchesLabels(labels, object.metadata?.labels) && fields.every((r) => holds(strategy, object, r)),
  };
}

function readSelector<R>(parse: (text: string) => R, text: string): R {
  try {
    return parse(text);
  } catch (error) {
    throw badRequest(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function requireField({ fieldNames }: Strategy, field: string): void {
  if (field === 'metadata.name' || field === 'metadata.namespace' || fieldNames?.includes(field)) return;
  throw badRequest(
    fieldNames
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function holds(strategy: Strategy, object: KubeObject, { field, operator, value }: FieldRequirement): boolean {
  return (selectedValue(strategy, object, field) === value) === (operator === '=');
}

function selectedValue(strategy: Strategy, object: KubeObject, field: string): string {
  if (field === 'metadata.name') return object.metadata?.name ?? '';
  if (field === 'metadata.namespace') return object.metadata?.namespace ?? '';
  return strategy.fieldValue?.(object, field) ?? '';
}
