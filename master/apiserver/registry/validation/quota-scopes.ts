/** Which objects a quota counts, and what of them (Kubernetes' "Resource Quotas" page, "Quota scopes"). */
import type { ResourceQuota } from '../../../api/types.ts';
import type { FieldErrors } from './field-errors.ts';
import { isQuotaName } from './quantities.ts';

type Spec = NonNullable<ResourceQuota['spec']>;
type Requirement = NonNullable<NonNullable<Spec['scopeSelector']>['matchExpressions']>[number];

const ofPods = ['pods', 'cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];
/** The resources that a scope has a meaning for. */
const scopes: Readonly<Record<string, readonly string[]>> = {
  Terminating: ofPods,
  NotTerminating: ofPods,
  BestEffort: ['pods'],
  NotBestEffort: ofPods,
  PriorityClass: ofPods,
  CrossNamespacePodAffinity: ofPods,
  VolumeAttributesClass: ['persistentvolumeclaims', 'requests.storage'],
};
/** Scopes that are or are not, and have no values. */
const existing = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];
const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

export function validateQuotaScopes(spec: Spec, errors: FieldErrors): void {
  const chosen = spec.scopes ?? [];
  const hard = Object.keys(spec.hard ?? {});
  for (const scope of chosen) {
    if (!scopes[scope]) errors.invalid('spec.scopes', chosen, 'unsupported scope');
    validateApplied(scope, hard, 'spec.scopes', chosen, errors);
  }
  validateOpposites(chosen, spec, 'spec.scopes', errors);
  const requirements = spec.scopeSelector?.matchExpressions ?? [];
  const field = 'spec.scopeSelector.matchExpressions';
  for (const requirement of requirements) {
    validateRequirement(requirement, field, errors);
    validateApplied(requirement.scopeName ?? '', hard, field, spec.scopeSelector, errors);
  }
  const named = requirements.map(({ scopeName }) => scopeName);
  validateOpposites(named, spec, field, errors);
}

function validateApplied(
  scope: string,
  hard: readonly string[],
  field: string,
  value: unknown,
  errors: FieldErrors,
): void {
  for (const name of hard) {
    if (!isQuotaName(name) || scopes[scope]?.includes(name)) continue;
    errors.invalid(field, value, 'unsupported scope applied to resource');
  }
}

function validateOpposites(chosen: readonly string[], spec: Spec, field: string, errors: FieldErrors): void {
  for (const pair of opposites) {
    if (pair.every((scope) => chosen.includes(scope))) errors.invalid(field, spec.scopes, 'conflicting scopes');
  }
}

function validateRequirement(
  { scopeName = '', operator = '', values = [] }: Requirement,
  field: string,
  errors: FieldErrors,
): void {
  if (!scopes[scopeName]) errors.invalid(`${field}.scopeName`, scopeName, 'unsupported scope');
  if (existing.includes(scopeName) && operator !== 'Exists') {
    const why =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    errors.invalid(`${field}.operator`, operator, why);
  }
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length > 0) return;
    const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    errors.required(`${field}.values`, why);
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length === 0) return;
    const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    errors.invalid(`${field}.values`, values, why);
  } else errors.invalid(`${field}.operator`, operator, 'not a valid selector operator');
}
