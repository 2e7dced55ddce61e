/**
 * Which definitions are served: the names of a definition are accepted when no other of its group has them, and it is
 * established once its first names were accepted. Pure; any number of API servers come to the same.
 */
import { deepEqual, setCondition } from '../../../api/meta.ts';
import type { Definition, DefinitionNames } from './definition-types.ts';

type Conditions = NonNullable<NonNullable<Definition['status']>['conditions']>;

export const isEstablished = (definition: Definition): boolean => hasCondition(definition, 'Established');

export function hasCondition({ status }: Definition, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/** The definition's status as it should be; undefined where it is so already. `all` are the definitions of every group. */
export function settledStatus(
  definition: Definition,
  all: Iterable<Definition>,
  now: string,
): Definition['status'] | undefined {
  const { spec, status = {} } = definition;
  const others = [...all].filter(
    (other) => other.spec.group === spec.group && other.metadata?.name !== definition.metadata?.name,
  );
  const { accepted, conflict } = acceptNames(spec.names, status.acceptedNames, others);
  let conditions = condition(
    status.conditions ?? [],
    conflict
      ? ['NamesAccepted', 'False', conflict.reason, conflict.message]
      : ['NamesAccepted', 'True', 'NoConflicts', 'no conflicts found'],
    now,
  );
  if (!conflict && !isEstablished(definition)) {
    conditions = condition(
      conditions,
      ['Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted'],
      now,
    );
  } else if (conflict && !isEstablished(definition)) {
    conditions = condition(conditions, ['Established', 'False', 'NotAccepted', 'not all names are accepted'], now);
  }
  conditions = approval(definition, conditions, now);
  const settled = { ...status, acceptedNames: accepted, conditions };
  return deepEqual(settled, status) ? undefined : settled;
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

/** A name that is taken stays as it was accepted before, if it was. */
function acceptNames(
  wanted: DefinitionNames,
  before: DefinitionNames | undefined,
  others: readonly Definition[],
): { accepted: DefinitionNames; conflict: Conflict | undefined } {
  const names = others.map(({ status }) => status?.acceptedNames);
  const resources = new Set(names.flatMap((taken) => [taken?.plural, taken?.singular, ...(taken?.shortNames ?? [])]));
  const takenKinds = new Set(names.flatMap((taken) => [taken?.kind, taken?.listKind]));
  const conflicts: Conflict[] = [];
  const free = (name: string, taken: ReadonlySet<string | undefined>, reason: string): boolean => {
    if (name === '' || !taken.has(name)) return true;
    conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    return false;
  };
  const { plural, singular = '', kind, listKind = '', shortNames = [], categories } = wanted;
  const accepted: DefinitionNames = {
    plural: free(plural, resources, 'PluralConflict') ? plural : (before?.plural ?? ''),
    kind: free(kind, takenKinds, 'KindConflict') ? kind : (before?.kind ?? ''),
  };
  const one = free(singular, resources, 'SingularConflict') ? singular : before?.singular;
  if (one) accepted.singular = one;
  const short =
    shortNames.filter((name) => !free(name, resources, 'ShortNamesConflict')).length === 0
      ? shortNames
      : before?.shortNames;
  if (short && short.length > 0) accepted.shortNames = short;
  const list = free(listKind, takenKinds, 'ListKindConflict') ? listKind : before?.listKind;
  if (list) accepted.listKind = list;
  if (categories && categories.length > 0) accepted.categories = categories;
  return { accepted, conflict: conflicts.at(-1) };
}

export const approvalAnnotation = 'api-approved.kubernetes.io';

/** Groups of the Kubernetes project need its approval, or a word that there is none. */
export function approvalOf({ spec, metadata }: Definition): { needed: boolean; given: string } {
  const group = spec.group ?? '';
  const needed = /(^|\.)(k8s|kubernetes)\.io$/.test(group);
  return { needed, given: metadata?.annotations?.[approvalAnnotation] ?? '' };
}

function approval(definition: Definition, conditions: Conditions, now: string): Conditions {
  const { needed, given } = approvalOf(definition);
  const type = 'KubernetesAPIApprovalPolicyConformant';
  if (!needed) return conditions;
  if (given === '') {
    return condition(
      conditions,
      [
        type,
        'False',
        'MissingAnnotation',
        'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
      ],
      now,
    );
  }
  return given.startsWith('unapproved')
    ? condition(conditions, [type, 'False', 'UnapprovedAnnotation', `not approved: ${JSON.stringify(given)}`], now)
    : condition(conditions, [type, 'True', 'ApprovedAnnotation', `approved in ${given}`], now);
}

export function condition(
  conditions: Conditions,
  [type, status, reason, message]: [type: string, status: string, reason: string, message: string],
  now: string,
): Conditions {
  return setCondition(conditions, { type, status, reason, message }, now);
}
