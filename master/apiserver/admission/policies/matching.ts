/** Which requests a policy or one of its bindings is about: `MatchResources` of admissionregistration.k8s.io/v1. */
import type { ValidatingAdmissionPolicyBinding } from '../../../api/types.ts';
import type { AdmissionRequest } from '../types.ts';
import {
  type NamespaceLookup,
  type Rule,
  ruleMatches,
  type Selects,
  selects,
  selectsNamespace,
  selectsObject,
} from '../webhooks/rules.ts';

export type MatchResources = NonNullable<NonNullable<ValidatingAdmissionPolicyBinding['spec']>['matchResources']>;

export interface Matching {
  readonly rules: readonly Rule[];
  readonly excluded: readonly Rule[];
  readonly namespaces: Selects | undefined;
  readonly objects: Selects | undefined;
}

export function matchingOf(given: MatchResources | undefined): Matching {
  return {
    rules: given?.resourceRules ?? [],
    excluded: given?.excludeResourceRules ?? [],
    namespaces: selects(given?.namespaceSelector),
    objects: selects(given?.objectSelector),
  };
}

/** Without rules of its own everything matches, as in a binding that says nothing. */
export async function matches(
  { rules, excluded, namespaces, objects }: Matching,
  request: AdmissionRequest,
  namespaceOf: NamespaceLookup,
): Promise<boolean> {
  if (rules.length > 0 && !rules.some((rule) => ruleMatches(rule, request))) return false;
  if (excluded.some((rule) => ruleMatches(rule, request))) return false;
  return selectsObject(objects, request) && (await selectsNamespace(namespaces, request, namespaceOf));
}
