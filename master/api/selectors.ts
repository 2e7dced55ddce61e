/** Label selectors and field selectors, and the matching; `label-selector-text.ts` reads what kubectl's `-l` says. */
import type { LabelSelector } from './types.ts';

export type LabelRequirement =
  | { readonly key: string; readonly operator: 'In' | 'NotIn'; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: 'Exists' | 'DoesNotExist' }
  | { readonly key: string; readonly operator: 'Gt' | 'Lt'; readonly value: number };

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

type Labels = Readonly<Record<string, string>>;

/** Whether the labels satisfy every requirement. No requirement matches everything. */
export function matchesLabels(requirements: readonly LabelRequirement[], labels: Labels = {}): boolean {
  return requirements.every((requirement) => matchesLabel(requirement, labels));
}

/** The requirements of a selector object (`matchLabels` and `matchExpressions`). Throws on an unknown operator. */
export function labelSelectorFromObject(selector: LabelSelector): LabelRequirement[] {
  const requirements = labelSelectorFromMap(selector.matchLabels ?? {});
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === 'In' || operator === 'NotIn') requirements.push({ key, operator, values });
    else if (operator === 'Exists' || operator === 'DoesNotExist') requirements.push({ key, operator });
    else throw new Error(`${JSON.stringify(operator)} is not a valid label selector operator`);
  }
  return requirements;
}

/** The requirements of a plain map, as a Service or ReplicationController has for its selector. */
export function labelSelectorFromMap(map: Labels): LabelRequirement[] {
  return Object.entries(map).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
}

/** A selector object as text that `parseLabelSelector` reads, sorted by its keys: `a=b,c in (d,e),!f`; '' where it selects all. */
export function labelSelectorText(selector: LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {});
  const terms: [key: string, text: string][] = labels.map(([key, value]) => [key, `${key}=${value}`]);
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${values.toSorted().join(',')})`;
    if (operator === 'In' || operator === 'NotIn') terms.push([key, `${key} ${operator.toLowerCase()} ${list}`]);
    else terms.push([key, operator === 'DoesNotExist' ? `!${key}` : key]);
  }
  return terms
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, text]) => text)
    .join(',');
}

/** Reads `a=b,c!=d,e==f`. Throws an Error with Kubernetes' words. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  return text
    .split(',')
    .filter((term) => term !== '')
    .map((term) => {
      const match = /^([^=!]*)(==|!=|=)(.*)$/s.exec(term);
      if (!match) throw new Error(`invalid selector: '${text}'; can't understand '${term}'`);
      const [, field = '', operator, value = ''] = match;
      return { field: field.trim(), operator: operator === '!=' ? '!=' : '=', value };
    });
}

/** Whether the fields satisfy every requirement; a field that is not among them counts as empty. */
export function matchesFields(requirements: readonly FieldRequirement[], fields: Labels): boolean {
  return requirements.every(({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='));
}

function matchesLabel(requirement: LabelRequirement, labels: Labels): boolean {
  const { key } = requirement;
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && requirement.values.includes(value);
    case 'NotIn':
      return value === undefined || !requirement.values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > requirement.value;
    case 'Lt':
      return value !== undefined && Number(value) < requirement.value;
  }
}
