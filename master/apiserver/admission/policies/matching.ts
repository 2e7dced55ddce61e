/** Which requests a policy or one of its bindings is about: `MatchResources` of admissionregistration.k8s.io/v1. */
import type { ValidatingAdmissionPolicyBinding } from '../../../api/types.ts';
import { type Equivalents, matchOf, type Seen, seenBy } from '../seen.ts';
import type { AdmissionRequest } from '../types.ts';
import {
  type NamespaceLookup,
  type Rule,
  type Selects,
  selects,
  selectsNamespace,
  selectsObject,
} from '../webhooks/rules.ts';

export type MatchResources = NonNullable<NonNullable<ValidatingAdmissionPolicyBinding['spec']>['matchResources']>;

export interface Matching {
  readonly rules: readonly Rule[];
  readonly matchPolicy: string | undefined;
  readonly excluded: readonly Rule[];
  readonly namespaces: Selects | undefined;
  readonly objects: Selects | undefined;
}

export function matchingOf(given: MatchResources | undefined): Matching {
  return {
    rules: given?.resourceRules ?? [],
    matchPolicy: given?.matchPolicy,
    excluded: given?.excludeResourceRules ?? [],
    namespaces: selects(given?.namespaceSelector),
    objects: selects(given?.objectSelector),
  };
}

/**
 * The request as it is seen; undefined when it does not match. Without rules everything matches, as in a binding that says
 * nothing, and is seen as it is.
 */
export async function matches(
  { rules, matchPolicy, excluded, namespaces, objects }: Matching,
  request: AdmissionRequest,
  namespaceOf: NamespaceLookup,
  equivalents: Equivalents,
): Promise<Seen | undefined> {
  if (excluded.length > 0 && matchOf(excluded, matchPolicy, request, equivalents) !== undefined) return undefined;
  if (!selectsObject(objects, request) || !(await selectsNamespace(namespaces, request, namespaceOf))) return undefined;
  if (rules.length === 0) return { request };
  return seenBy(rules, matchPolicy, request, equivalents);
}
