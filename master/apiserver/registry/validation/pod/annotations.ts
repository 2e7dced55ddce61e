/** The annotations that mean something to whoever runs a pod. */
import type { Pod } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateAppArmorUpdate } from './apparmor.ts';

/** On the pods by which a kubelet shows what it runs of its own files. */
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const largest = 2 ** 31;

/** Also of templates: `nodeName` is the one that a pod is bound to. */
export function validatePodAnnotations(
  annotations: Record<string, string> | undefined,
  nodeName: string | undefined,
  path: string,
  errors: FieldErrors,
): void {
  if (!annotations) return;
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && !nodeName) {
    errors.invalid(`${path}[${mirrorAnnotation}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set');
  }
  const cost = annotations[deletionCost];
  if (cost !== undefined && !isCost(cost)) {
    errors.invalid(`${path}[${deletionCost}]`, cost, 'must be a 32bit integer');
  }
}

/** Which pod is the first to go (KEP-2255): a number as it is written shortest. */
function isCost(text: string): boolean {
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return false;
  return Number(text) < largest && Number(text) >= -largest;
}

/** A pod stays what it is: a mirror, or none; and confined as it is. */
export function validateAnnotationsUpdate({ metadata }: Pod, old: Pod, errors: FieldErrors): void {
  validateAppArmorUpdate(metadata?.annotations ?? {}, old.metadata?.annotations ?? {}, errors);
  const now = metadata?.annotations?.[mirrorAnnotation];
  const before = old.metadata?.annotations?.[mirrorAnnotation];
  if (now === before) return;
  const why = `may not ${before === undefined ? 'add' : 'remove or update'} mirror pod annotation`;
  errors.forbidden(`metadata.annotations[${mirrorAnnotation}]`, why);
}
