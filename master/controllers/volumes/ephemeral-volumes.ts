/**
 * Makes the claims of generic ephemeral volumes (Kubernetes, "Ephemeral Volumes"): a claim `<pod>-<volume>` for each, that the pod controls,
 * so that it goes with the pod. One of that name that is somebody else's is left alone, and the pod waits.
 */
import { isAlreadyExists, messageOf } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import { controllerOf, keyOf, newControllerRef } from '../../api/meta.ts';
import type { PersistentVolumeClaim, Pod, Volume } from '../../api/types.ts';
import { claimNameOf, whyNotMadeFor } from '../../api/volume-claims.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { isTerminated, isTerminating } from '../pod-facts.ts';

export async function startEphemeralVolumes(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const { pods, persistentvolumeclaims } = caches;
  const queue = newQueue(context, 'ephemeral_volume');
  const recorder = newRecorder(context, 'ephemeral_volume');
  const enqueue = (pod: Pod): void => {
    if (pod.spec?.volumes?.some(({ ephemeral }) => ephemeral)) queue.add(keyOf(pod));
  };
  pods.addHandler({ added: enqueue }, signal);
  persistentvolumeclaims.addHandler(
    {
      deleted: (claim) => {
        const owner = controllerOf(claim);
        if (owner?.kind === kinds.pods.kind) queue.add(`${claim.metadata?.namespace}/${owner.name}`);
      },
    },
    signal,
  );
  await work(context, queue, 1, async (key) => {
    const pod = pods.get(key);
    if (!pod || isTerminating(pod) || isTerminated(pod)) return;
    for (const volume of pod.spec?.volumes ?? []) {
      const claim = claimFor(pod, volume);
      if (!claim) continue;
      try {
        const known = persistentvolumeclaims.get(keyOf(claim));
        const other = known && whyNotMadeFor(pod, known);
        if (other) throw new Error(other);
        if (!known) await client.create('persistentvolumeclaims', claim);
      } catch (error) {
        const message = `ephemeral volume ${volume.name}: ${messageOf(error)}`;
        // One that the cache did not know may be the pod's own: the next look tells.
        if (!isAlreadyExists(error)) recorder.event(pod, kinds.pods, 'Warning', 'FailedBinding', message);
        throw error;
      }
    }
  });
}

/** The claim that a volume of the pod is to have; undefined for one that needs none made. */
export function claimFor(pod: Pod, volume: Volume): PersistentVolumeClaim | undefined {
  const { metadata, spec } = volume.ephemeral?.volumeClaimTemplate ?? {};
  const name = claimNameOf(pod, volume);
  if (!spec || name === undefined) return undefined;
  const { labels, annotations } = metadata ?? {};
  const ownerReferences = [newControllerRef(pod, kinds.pods)];
  return {
    metadata: { namespace: pod.metadata?.namespace, name, labels, annotations, ownerReferences },
    spec,
  };
}
