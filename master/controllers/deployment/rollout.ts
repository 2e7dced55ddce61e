/**
 * How many pods each ReplicaSet of a Deployment should have next. Pure: one step at a time, from what is there; the next step is
 * decided when the cluster shows what this one has led to. Rules are those of Kubernetes' "Deployments" (rolling update,
 * Recreate, proportional scaling).
 */
import type { Deployment, ReplicaSet } from '../../api/types.ts';
import { byAge, desiredAnnotation, limitsOf, maxAnnotation, replicasOf } from './facts.ts';

export interface Sets {
  /** Of the present template. */
  readonly fresh: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

export interface Resize {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** Pods that it is no longer to have may still stand in its status: nobody may count on them. */
const availableOf = (set: ReplicaSet): number => Math.min(set.status?.availableReplicas ?? 0, replicasOf(set));
const total = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((sum, set) => sum + count(set), 0);
/** Pods that it is no longer to have are there until its status says that they are not. */
const presentOf = (set: ReplicaSet): number => Math.max(set.status?.replicas ?? 0, replicasOf(set));
const isActive = (set: ReplicaSet): boolean => replicasOf(set) > 0;
const all = ({ fresh, old }: Sets): ReplicaSet[] => (fresh ? [...old, fresh] : [...old]);

/** Whether the Deployment's size was changed since its ReplicaSets were last told. */
export function isScaled(deployment: Deployment, sets: Sets): boolean {
  return all(sets).some((set) => {
    const told = set.metadata?.annotations?.[desiredAnnotation];
    return isActive(set) && told !== undefined && Number(told) !== replicasOf(deployment);
  });
}

/** The size of the new ReplicaSet in the next step. `present`: what it has now; 0 before it is made. */
export function nextSize(deployment: Deployment, others: readonly ReplicaSet[], present: number): number {
  const wanted = replicasOf(deployment);
  if (deployment.spec?.strategy?.type === 'Recreate') return wanted;
  const room = wanted + limitsOf(deployment).maxSurge - total(others, presentOf) - present;
  return room <= 0 ? present : present + Math.min(room, wanted - present);
}

/** The next step of a rolling update: the new one grows first; then old ones shrink by what can be missed. */
export function rollingStep(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Resize[] {
  const wanted = replicasOf(deployment);
  const present = replicasOf(fresh);
  const size = present > wanted ? wanted : nextSize(deployment, old, present);
  if (size !== present) return [{ set: fresh, replicas: size }];
  return shrinkOld(deployment, fresh, old.filter(isActive).toSorted(byAge));
}

/** First what is not available anyway, then as much of what is as may be missed; the oldest first. */
function shrinkOld(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Resize[] {
  const sets = [...old, fresh];
  const atLeast = replicasOf(deployment) - limitsOf(deployment).maxUnavailable;
  const unavailableNew = replicasOf(fresh) - availableOf(fresh);
  let broken = total(sets, replicasOf) - atLeast - unavailableNew;
  if (broken <= 0) return [];
  let spare = Math.max(0, total(sets, availableOf) - atLeast);
  const sizes = old.map((set) => {
    const unavailable = Math.max(0, replicasOf(set) - availableOf(set));
    const cleaned = Math.min(broken, unavailable);
    broken -= cleaned;
    return { set, replicas: replicasOf(set) - cleaned };
  });
  return sizes
    .map(({ set, replicas }) => {
      const missed = Math.min(spare, replicas);
      spare -= missed;
      return { set, replicas: replicas - missed };
    })
    .filter(({ set, replicas }) => replicas !== replicasOf(set));
}

/** Recreate: all old ones end before the new one begins. */
export function recreateStep(old: readonly ReplicaSet[]): Resize[] {
  return old.filter(isActive).map((set) => ({ set, replicas: 0 }));
}

/** A change of size: of the only ReplicaSet with pods, or of all of them in proportion while a rollout is under way. */
export function scaleStep(deployment: Deployment, { fresh, old }: Sets): Resize[] {
  const wanted = replicasOf(deployment);
  const active = all({ fresh, old }).filter(isActive);
  if (active.length <= 1) {
    const only = active[0] ?? fresh ?? old.toSorted(byAge).at(-1);
    return only ? [{ set: only, replicas: wanted }] : [];
  }
  if (fresh && isSaturated(fresh, wanted)) return recreateStep(old);
  if (deployment.spec?.strategy?.type === 'Recreate') return [];
  return shareOut(deployment, active);
}

const isSaturated = (set: ReplicaSet, wanted: number): boolean =>
  Number(set.metadata?.annotations?.[desiredAnnotation]) === wanted &&
  replicasOf(set) === wanted &&
  availableOf(set) === wanted;

function shareOut(deployment: Deployment, active: readonly ReplicaSet[]): Resize[] {
  const wanted = replicasOf(deployment);
  const limit = wanted > 0 ? wanted + limitsOf(deployment).maxSurge : 0;
  const toAdd = limit - total(active, replicasOf);
  // The largest carries what is left over by rounding: of two alike the newer when it grows, the older when it shrinks.
  const bySize = active.toSorted((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
  let added = 0;
  const sizes = bySize.map((set) => {
    const share = toAdd === 0 ? 0 : within(toAdd - added, shareOf(deployment, set));
    added += share;
    return { set, replicas: replicasOf(set) + share };
  });
  return sizes.map(({ set, replicas }, index) => ({
    set,
    replicas: Math.max(0, index === 0 ? replicas + toAdd - added : replicas),
  }));
}

/** `share`, but no further from 0 than what is left. */
const within = (left: number, share: number): number => (left > 0 ? Math.min(share, left) : Math.max(share, left));

function shareOf(deployment: Deployment, set: ReplicaSet): number {
  const size = replicasOf(set);
  const wanted = replicasOf(deployment);
  if (wanted === 0) return -size;
  const before = Number(set.metadata?.annotations?.[maxAnnotation]) || deployment.status?.replicas || wanted;
  return Math.round((size * (wanted + limitsOf(deployment).maxSurge)) / before) - size;
}
