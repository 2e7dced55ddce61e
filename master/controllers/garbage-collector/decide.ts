/**
 * What to do with an object that has owners, by what is known of each of them (Kubernetes, "Garbage Collection": owners and
 * dependents, cascading deletion). Pure.
 */
import type { KubeObject, OwnerReference } from '../../api/types.ts';
import { foregroundFinalizer, orphanFinalizer } from './graph.ts';

/** An owner is there; is gone for certain; or waits, in foreground deletion, for its dependents to go. */
export type OwnerState = 'present' | 'absent' | 'waiting';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export type Decision =
  | { readonly action: 'keep' }
  /** Some owner is there: only the references to the others go. */
  | { readonly action: 'dropReferences'; readonly owners: OwnerReference[] }
  | { readonly action: 'delete'; readonly policy: PropagationPolicy };

export function decide(
  object: KubeObject,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
  hasDependents: boolean,
): Decision {
  const present = owners.filter(({ state }) => state === 'present').map(({ reference }) => reference);
  if (owners.length === 0 || present.length === owners.length) return { action: 'keep' };
  if (present.length > 0) return { action: 'dropReferences', owners: present };
  const waited = owners.some(({ state }) => state === 'waiting');
  if (waited && hasDependents) return { action: 'delete', policy: 'Foreground' };
  const finalizers = object.metadata?.finalizers ?? [];
  if (finalizers.includes(orphanFinalizer)) return { action: 'delete', policy: 'Orphan' };
  if (finalizers.includes(foregroundFinalizer)) return { action: 'delete', policy: 'Foreground' };
  return { action: 'delete', policy: 'Background' };
}
