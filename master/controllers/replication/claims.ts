/**
 * Which pods a replication controller owns, should adopt and should let go. Kubernetes' rule ("Controllers: controllerRef"):
 * a pod with a controller belongs to it alone; a pod without one is adopted when the selector matches it; an owned pod that
 * no longer matches is released.
 */
import { controllerOf } from '../../api/meta.ts';
import type { Pod, ReplicationController } from '../../api/types.ts';

export interface Claims {
  /** Owned and matching. */
  readonly owned: Pod[];
  /** Without a controller, matching, and alive. */
  readonly adopt: Pod[];
  /** Owned, but the selector no longer matches. */
  readonly release: Pod[];
}

/** Pure: sorts the candidate pods of the controller's namespace. */
export function claimPods(rc: ReplicationController, candidates: readonly Pod[]): Claims {
  const claims: Claims = { owned: [], adopt: [], release: [] };
  const beingDeleted = rc.metadata?.deletionTimestamp !== undefined;
  for (const pod of candidates) {
    const controller = controllerOf(pod);
    const matches = selects(rc, pod);
    if (controller) {
      if (controller.uid !== rc.metadata?.uid) continue;
      if (matches) claims.owned.push(pod);
      else if (!beingDeleted) claims.release.push(pod);
    } else if (matches && !beingDeleted && pod.metadata?.deletionTimestamp === undefined) {
      claims.adopt.push(pod);
    }
  }
  return claims;
}

/** A replication controller's selector is a plain map; an empty one selects nothing. */
export function selects(rc: ReplicationController, pod: Pod): boolean {
  const selector = Object.entries(rc.spec?.selector ?? {});
  if (selector.length === 0) return false;
  const labels = pod.metadata?.labels ?? {};
  return selector.every(([name, value]) => labels[name] === value);
}
