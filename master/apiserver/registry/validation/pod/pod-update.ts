/** What of a pod may change once it exists (Kubernetes' `ValidatePodUpdate`). */
import { deepEqual } from '../../../../api/meta.ts';
import type { Container, Pod, PodSpec, Toleration } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateAnnotationsUpdate } from './annotations.ts';
import { validateGatedPod } from './gated-update.ts';

export function validatePodUpdate(pod: Pod, old: Pod, errors: FieldErrors): void {
  const { spec } = pod;
  const before = old.spec;
  validateAnnotationsUpdate(pod, old, errors);
  if (!spec || !before) return;
  if (!sameLength(spec, before, errors)) return;
  validateDeadline(spec, before, errors);
  validateAddedTolerations(spec.tolerations ?? [], before.tolerations ?? [], errors);
  validateGates(spec, before, errors);

  const images = (list: readonly Container[] | undefined, was: readonly Container[] | undefined) =>
    list?.map((container, index) => ({ ...container, image: was?.[index]?.image ?? '' }));
  const comparable: PodSpec = { ...spec, containers: images(spec.containers, before.containers) ?? [] };
  const initContainers = images(spec.initContainers, before.initContainers);
  if (initContainers) comparable.initContainers = initContainers;
  for (const field of ['activeDeadlineSeconds', 'tolerations', 'schedulingGates'] as const) {
    restore(comparable, before, field);
  }
  if ((before.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1) {
    restore(comparable, before, 'terminationGracePeriodSeconds');
  }
  if (before.schedulingGates?.length) validateGatedPod(comparable, before, errors);
  if (!deepEqual(comparable, before)) errors.forbidden('spec', updateMessage(changedFields(comparable, before)));
}

/** Gates may only be taken away. */
function validateGates({ schedulingGates = [] }: PodSpec, before: PodSpec, errors: FieldErrors): void {
  schedulingGates.forEach(({ name }, index) => {
    if (before.schedulingGates?.some((gate) => gate.name === name)) return;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.forbidden(`spec.schedulingGates[${index}].name`, why);
  });
}

/** The images of a pod may change, but not to nothing; that is for the check of the whole spec. */
function sameLength(spec: PodSpec, before: PodSpec, errors: FieldErrors): boolean {
  for (const list of ['containers', 'initContainers'] as const) {
    if ((spec[list]?.length ?? 0) === (before[list]?.length ?? 0)) continue;
    errors.forbidden(
      `spec.${list}`,
      `pod updates may not add or remove ${list === 'containers' ? '' : 'init '}containers`,
    );
    return false;
  }
  return true;
}

function validateDeadline(spec: PodSpec, before: PodSpec, errors: FieldErrors): void {
  const deadline = spec.activeDeadlineSeconds;
  const was = before.activeDeadlineSeconds;
  if (was === undefined) return;
  const field = 'spec.activeDeadlineSeconds';
  if (deadline === undefined) errors.invalid(field, null, 'must not update from a positive integer to nil value');
  else if (deadline > was) errors.invalid(field, deadline, `must be less than or equal to previous value`);
}

function validateAddedTolerations(
  now: readonly Toleration[],
  before: readonly Toleration[],
  errors: FieldErrors,
): void {
  const kept = before.every((old) =>
    now.some((toleration) => {
      // How long a toleration lasts may change.
      const { tolerationSeconds: _was, ...rest } = old;
      const { tolerationSeconds: _is, ...same } = toleration;
      return deepEqual(rest, same);
    }),
  );
  if (!kept)
    errors.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
}

/** Makes a field that was judged by itself the same for the comparison of the rest. */
function restore(comparable: PodSpec, before: PodSpec, field: keyof PodSpec): void {
  if (before[field] === undefined) delete comparable[field];
  else Object.assign(comparable, { [field]: before[field] });
}

function changedFields(now: PodSpec, before: PodSpec): string[] {
  const fields = new Set([...Object.keys(now), ...Object.keys(before)]);
  const a = new Map<string, unknown>(Object.entries(now));
  const b = new Map<string, unknown>(Object.entries(before));
  return [...fields].filter((field) => !deepEqual(a.get(field), b.get(field)));
}

const updateMessage = (fields: readonly string[]): string =>
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n' +
  `changed: ${fields.map((field) => `spec.${field}`).join(', ')}`;
