/**
 * What a StatefulSet needs next: pods made and removed, by ordinal. Pure: one step at a time, from what is there. Rules are those of
 * Kubernetes' "StatefulSets" (deployment and scaling guarantees, pod management policies, update strategies).
 */
import type { Pod, StatefulSet } from '../../api/types.ts';
import { amountOf } from '../int-or-percent.ts';
import { availability, isTerminated, isTerminating } from '../pod-facts.ts';
import { ordinalOf, ordinalsOf, replicasOf, revisionLabel, startOf } from './identity.ts';

export interface View {
  readonly set: StatefulSet;
  /** Names of the ControllerRevisions that pods are of, and that they are to be of. */
  readonly currentRevision: string;
  readonly updateRevision: string;
  /** By ordinal. */
  readonly pods: ReadonlyMap<number, Pod>;
  readonly nowMs: number;
  /** Whether a claim of the pod is about to go. */
  readonly hasDoomedClaim: (ordinal: number) => boolean;
}

export interface Plan {
  readonly create: readonly { readonly ordinal: number; readonly isUpdated: boolean }[];
  readonly remove: readonly Pod[];
  /** A pod waits for its claim to go. */
  readonly waitsForClaim: boolean;
}

export function byOrdinal(set: StatefulSet, pods: readonly Pod[]): Map<number, Pod> {
  const found = new Map<number, Pod>();
  for (const pod of pods) {
    const ordinal = ordinalOf(set, pod);
    if (ordinal !== undefined) found.set(ordinal, pod);
  }
  return found;
}

/** Those that the set is no longer to have, the highest first. */
export function condemnedOf({ set, pods }: Pick<View, 'set' | 'pods'>): Pod[] {
  const [start, end] = [startOf(set), startOf(set) + replicasOf(set)];
  return [...pods]
    .filter(([ordinal]) => ordinal < start || ordinal >= end)
    .toSorted(([a], [b]) => b - a)
    .map(([, pod]) => pod);
}

export const isRunning = (pod: Pod): boolean => pod.status?.phase === 'Running';

export function isAvailable({ set, nowMs }: Pick<View, 'set' | 'nowMs'>, pod: Pod): boolean {
  return isRunning(pod) && !isTerminating(pod) && availability(pod, set.spec?.minReadySeconds ?? 0, nowMs).available;
}

export function plan(view: View): Plan {
  const isOrdered = view.set.spec?.podManagementPolicy !== 'Parallel';
  const filled = fill(view, isOrdered);
  if (filled.isBlocked) return filled;
  const shrunk = shrink(view, isOrdered);
  const { create, waitsForClaim } = filled;
  const remove = [...filled.remove, ...shrunk.remove];
  if (shrunk.isBlocked || create.length + remove.length > 0) return { create, remove, waitsForClaim };
  return { create, remove: roll(view), waitsForClaim };
}

interface Step extends Plan {
  /** Nothing else may happen before this step has come to its end. */
  readonly isBlocked: boolean;
}

/** Each ordinal has its pod. In order: a pod is made only when all before it are available. */
function fill(view: View, isOrdered: boolean): Step {
  const create: { ordinal: number; isUpdated: boolean }[] = [];
  const remove: Pod[] = [];
  let waitsForClaim = false;
  const step = (isBlocked: boolean): Step => ({ create, remove, waitsForClaim, isBlocked });
  for (const ordinal of ordinalsOf(view.set)) {
    const pod = view.pods.get(ordinal);
    if (!pod) {
      if (view.hasDoomedClaim(ordinal)) waitsForClaim = true;
      else create.push({ ordinal, isUpdated: isUpdated(view, ordinal) });
    } else if (isTerminated(pod) && !isTerminating(pod)) remove.push(pod);
    else if (isAvailable(view, pod)) continue;
    if (isOrdered) return step(true);
  }
  return step(false);
}

/** Of which of the two revisions a new pod is. */
function isUpdated({ set }: View, ordinal: number): boolean {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  return type === 'OnDelete' || ordinal >= startOf(set) + (rollingUpdate?.partition ?? 0);
}

/** In order: the highest goes first, and only when all others are available, unless it is the one that is not. */
function shrink(view: View, isOrdered: boolean): { remove: Pod[]; isBlocked: boolean } {
  const condemned = condemnedOf(view);
  const firstUnhealthy = condemned.findLast((pod) => !isAvailable(view, pod));
  const remove: Pod[] = [];
  for (const pod of condemned) {
    const waits = isTerminating(pod) || (isOrdered && pod !== firstUnhealthy && !isAvailable(view, pod));
    if (!waits) remove.push(pod);
    if (isOrdered) return { remove, isBlocked: true };
  }
  return { remove, isBlocked: false };
}

/**
 * The highest ordinals first. Old pods that are not available cost nothing; of the others as many go as may be missed, which is one
 * unless the strategy says otherwise (KEP-961).
 */
function roll(view: View): Pod[] {
  const { set, pods, updateRevision } = view;
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  const ordinals = ordinalsOf(set);
  const all = ordinals.map((ordinal) => pods.get(ordinal));
  const missing = all.filter((pod) => !pod || !isAvailable(view, pod)).length;
  const most = Math.floor(amountOf(rollingUpdate?.maxUnavailable ?? 1, replicasOf(set)));
  let spare = Math.max(1, most) - missing;
  const remove: Pod[] = [];
  for (const pod of all.slice(rollingUpdate?.partition ?? 0).toReversed()) {
    if (!pod || isTerminating(pod) || pod.metadata?.labels?.[revisionLabel] === updateRevision) continue;
    if (isAvailable(view, pod)) {
      if (spare <= 0) continue;
      spare -= 1;
    }
    remove.push(pod);
  }
  return remove;
}
