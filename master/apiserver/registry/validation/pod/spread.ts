/** How pods are spread over zones and nodes (Kubernetes' "Pod Topology Spread Constraints" page). */
import type { PodSpec } from '../../../../api/types.ts';
import { isQualifiedName } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { timesSelected, validateLabelSelector } from '../label-selector.ts';
import { validateOneOf } from '../numbers.ts';

type Constraint = NonNullable<PodSpec['topologySpreadConstraints']>[number];

const positive = 'must be greater than zero';

export function validateSpread(
  constraints: readonly Constraint[],
  isPod: boolean,
  path: string,
  errors: FieldErrors,
): void {
  constraints.forEach((constraint, index) => {
    const field = `${path}[${index}]`;
    const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', minDomains, labelSelector } = constraint;
    if (maxSkew <= 0) errors.invalid(`${field}.maxSkew`, maxSkew, positive);
    if (topologyKey === '') errors.required(`${field}.topologyKey`, 'can not be empty');
    validateOneOf(whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'], `${field}.whenUnsatisfiable`, errors);
    const isSame = (other: Constraint): boolean =>
      other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable;
    if (constraints.slice(index + 1).some(isSame)) {
      errors.duplicate(`${field}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.invalid(`${field}.minDomains`, minDomains, positive);
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
        errors.invalid(`${field}.minDomains`, minDomains, why);
      }
    }
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const value = constraint[policy];
      if (value !== undefined) validateOneOf(value, ['Honor', 'Ignore'], `${field}.${policy}`, errors);
    }
    validateKeys(constraint, isPod, `${field}.matchLabelKeys`, errors);
    validateLabelSelector(labelSelector, `${field}.labelSelector`, errors);
  });
}

/** A key stands once in the selector of a pod, to which it was added; who wrote it there too has it twice, or in a template. */
function validateKeys(
  { matchLabelKeys = [], labelSelector }: Constraint,
  isPod: boolean,
  field: string,
  errors: FieldErrors,
): void {
  if (matchLabelKeys.length === 0) return;
  if (!labelSelector) errors.forbidden(field, 'must not be specified when labelSelector is not set');
  matchLabelKeys.forEach((key, index) => {
    errors.invalidFor(`${field}[${index}]`, key, isQualifiedName(key));
    if (timesSelected(labelSelector, key) > (isPod ? 1 : 0)) {
      errors.invalid(`${field}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector');
    }
  });
}
