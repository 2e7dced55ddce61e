/**
 * What DELETE does to an object: a pure decision. An object goes at once unless it has finalizers (its own, or those of a
 * propagation policy) or gets time to end gracefully; then its deletion only begins, and whoever it waits for ends it.
 * The rules are those of Kubernetes' "Garbage Collection" and "Finalizers" pages.
 */
import { type Cause, conflict, invalid } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import { nowSeconds } from '../../api/meta.ts';
import type { DeleteOptions, KubeObject, ObjectMeta } from '../../api/types.ts';
import type { Strategy } from './strategy.ts';
import { FieldErrors } from './validation/field-errors.ts';

export type DeletionPlan =
  | { readonly action: 'remove' }
  /** Its deletion begins, or its grace is cut short: write this. */
  | { readonly action: 'mark'; readonly object: KubeObject }
  /** Its deletion goes on already and the request changes nothing. */
  | { readonly action: 'wait' };

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

export function planDeletion(strategy: Strategy, old: KubeObject, options: DeleteOptions, nowMs: number): DeletionPlan {
  const metadata: ObjectMeta = { ...old.metadata };
  const heldBack = strategy.heldBack?.(old) ?? false;
  const grace = graceOf(strategy, old, options, nowMs);
  if (grace === 'pending') return { action: 'wait' };

  const finalizers = finalizersAfter(metadata.finalizers ?? [], options, strategy.defaultPropagation);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  if (finalizers.length === 0 && !heldBack && (grace === undefined || grace.seconds === 0)) return { action: 'remove' };

  if (metadata.deletionTimestamp === undefined && metadata.generation) metadata.generation += 1;
  if (grace) {
    metadata.deletionTimestamp = grace.until;
    metadata.deletionGracePeriodSeconds = grace.seconds;
  } else if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = nowSeconds(nowMs);
    if (!strategy.heldBack) metadata.deletionGracePeriodSeconds = 0;
  } else if (sameFinalizers(old.metadata?.finalizers, metadata.finalizers)) {
    return { action: 'wait' };
  }
  const object = { ...old, metadata };
  strategy.markDeleting?.(object);
  return { action: 'mark', object };
}

/** Whether an update leaves an object that was being deleted with nothing to wait for, so that it goes instead. */
export function deletionIsDone(strategy: Strategy, object: KubeObject, old: KubeObject): boolean {
  if (old.metadata?.deletionTimestamp === undefined) return false;
  if ((object.metadata?.finalizers?.length ?? 0) > 0 || strategy.heldBack?.(object)) return false;
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** Throws Conflict unless the object is the one that the request means. */
export function checkPreconditions(kind: Kind, name: string, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { uid: actualUid = '', resourceVersion: actualVersion = '' } = object.metadata ?? {};
  if (uid !== undefined && uid !== actualUid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actualUid}`;
    throw conflict(kind, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== actualVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${actualVersion}`;
    throw conflict(kind, name, why);
  }
}

/** The same for a deletion, of which Kubernetes says it by the kind and in other words. */
export function checkDeletion({ group, kind }: Kind, name: string, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { uid: actualUid = '', resourceVersion: actualVersion = '' } = object.metadata ?? {};
  const refused = (what: string, asked: string, actual: string, how: string): Error =>
    conflict(
      { group, resource: kind },
      name,
      `the ${what} in the precondition (${asked}) does not match the ${what} in record (${actual}). The object might have been ${how}`,
    );
  if (uid !== undefined && uid !== actualUid) throw refused('UID', uid, actualUid, 'deleted and then recreated');
  if (resourceVersion !== undefined && resourceVersion !== actualVersion) {
    throw refused('ResourceVersion', resourceVersion, actualVersion, 'modified');
  }
}

const policies = ['Foreground', 'Background', 'Orphan'];

/** Throws Invalid for options that contradict themselves. */
export function validateDeleteOptions({ propagationPolicy, orphanDependents }: DeleteOptions): void {
  const errors = new FieldErrors();
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    errors.invalid(
      'propagationPolicy',
      propagationPolicy,
      'orphanDependents and deletionPropagation cannot be both set',
    );
  }
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy)) {
    errors.noneOf('propagationPolicy', propagationPolicy, [...policies, 'nil']);
  }
  const causes: readonly Cause[] = errors.causes;
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes);
}

/** Whether DeleteOptions say that nothing is to be done. Throws Invalid for what they must not say. */
export function dryRunOf(options: DeleteOptions): boolean {
  const causes: Cause[] = [];
  const dryRun = readDryRun(options.dryRun ?? [], causes);
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions' }, '', causes);
  return dryRun;
}

/** The values of a `dryRun`; what is wrong with them is added to `causes`. */
export function readDryRun(values: readonly string[], causes: Cause[]): boolean {
  for (const value of values) {
    if (value === 'All') continue;
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
    });
  }
  return values.length > 0;
}

type Grace = { seconds: number; until: string } | 'pending' | undefined;

/** The grace that a graceful resource's object gets now. Once deletion has begun, it can only be made shorter. */
function graceOf(strategy: Strategy, old: KubeObject, options: DeleteOptions, nowMs: number): Grace {
  if (!strategy.gracePeriodSeconds) return undefined;
  const { deletionTimestamp, deletionGracePeriodSeconds } = old.metadata ?? {};
  const requested = negativeIsOne(options.gracePeriodSeconds);
  if (deletionTimestamp === undefined) {
    const seconds = negativeIsOne(strategy.gracePeriodSeconds(old, requested)) ?? 0;
    return { seconds, until: nowSeconds(nowMs + seconds * 1000) };
  }
  if (deletionGracePeriodSeconds === undefined) return undefined;
  if (requested === undefined || requested >= deletionGracePeriodSeconds) return 'pending';
  const began = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000;
  return { seconds: requested, until: nowSeconds(began + requested * 1000) };
}

const negativeIsOne = (seconds: number | undefined): number | undefined =>
  seconds !== undefined && seconds < 0 ? 1 : seconds;

function finalizersAfter(
  finalizers: readonly string[],
  options: DeleteOptions,
  otherwise: Strategy['defaultPropagation'],
): string[] {
  const others = finalizers.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer);
  const policy = policyOf(finalizers, options) ?? otherwise;
  if (policy === 'Orphan') return [...others, orphanFinalizer];
  if (policy === 'Foreground') return [...others, foregroundFinalizer];
  return others;
}

function policyOf(finalizers: readonly string[], options: DeleteOptions): string | undefined {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  if (options.propagationPolicy !== undefined) return options.propagationPolicy;
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  if (finalizers.includes(foregroundFinalizer)) return 'Foreground';
  return undefined;
}

function sameFinalizers(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return a.length === b.length && a.every((name) => b.includes(name));
}
