/**
 * Keeps claims and volumes while they are used (Kubernetes, "Storage Object in Use Protection"): a claim that is being deleted goes
 * when no pod on a node names it, a volume when it is bound to no claim. Those that began without the finalizer get it.
 */
import { keyOf } from '../api/meta.ts';
import { unlessOvertaken } from '../api/overtaken.ts';
import type { KubeObject, PersistentVolume, Pod } from '../api/types.ts';
import { claimNameOf } from '../api/volume-claims.ts';
import { podIndex } from './caches.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

export const claimFinalizer = 'kubernetes.io/pvc-protection';
export const volumeFinalizer = 'kubernetes.io/pv-protection';

export async function startClaimProtection(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const claims = caches.informers.for('persistentvolumeclaims');
  const queue = newQueue(context, 'pvcprotection');
  const enqueueClaimsOf = (pod: Pod): void => {
    for (const name of claimsOf(pod)) queue.add(`${pod.metadata?.namespace}/${name}`);
  };
  claims.addHandler(
    { added: (claim) => queue.add(keyOf(claim)), updated: (_, claim) => queue.add(keyOf(claim)) },
    signal,
  );
  caches.pods.addHandler({ updated: (_, pod) => enqueueClaimsOf(pod), deleted: enqueueClaimsOf }, signal);
  await work(context, queue, 1, async (key) => {
    const claim = claims.get(key);
    if (!claim) return;
    const { namespace = '', name = '' } = claim.metadata ?? {};
    const pods = caches.pods.byIndex(podIndex.namespace, namespace);
    const finalizers = finalizersOf(claim, claimFinalizer, () => pods.some((pod) => uses(pod, name)));
    if (!finalizers) return;
    await unlessOvertaken(
      client.update('persistentvolumeclaims', { ...claim, metadata: { ...claim.metadata, finalizers } }),
    );
  });
}

export async function startVolumeProtection(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const volumes = caches.informers.for('persistentvolumes');
  const queue = newQueue(context, 'pvprotection');
  volumes.addHandler({ added: (one) => queue.add(keyOf(one)), updated: (_, one) => queue.add(keyOf(one)) }, signal);
  await work(context, queue, 1, async (key) => {
    const volume: PersistentVolume | undefined = volumes.get(key);
    if (!volume) return;
    const finalizers = finalizersOf(volume, volumeFinalizer, () => volume.status?.phase === 'Bound');
    if (!finalizers) return;
    await unlessOvertaken(
      client.update('persistentvolumes', { ...volume, metadata: { ...volume.metadata, finalizers } }),
    );
  });
}

/** The finalizers that the object should have; undefined where it has them. */
export function finalizersOf(
  { metadata = {} }: KubeObject,
  finalizer: string,
  isUsed: () => boolean,
): string[] | undefined {
  const { finalizers = [], deletionTimestamp } = metadata;
  const has = finalizers.includes(finalizer);
  if (deletionTimestamp === undefined) return has ? undefined : [...finalizers, finalizer];
  return has && !isUsed() ? finalizers.filter((other) => other !== finalizer) : undefined;
}

/** Whether the pod is on a node and names the claim: before that the kubelet refuses a claim that is being deleted. */
export function uses(pod: Pod, claim: string): boolean {
  return Boolean(pod.spec?.nodeName) && claimsOf(pod).includes(claim);
}

/** The claims that a pod's volumes name, those that are made for it among them. */
const claimsOf = (pod: Pod): string[] => (pod.spec?.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
