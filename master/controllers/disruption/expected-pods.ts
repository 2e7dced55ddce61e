/** How many pods there should be of those that a budget guards: the sum of what each of their controllers wants to have. */
import { isNotFound } from '../../api/errors.ts';
import { allKinds, groupResource, type Kind, kinds } from '../../api/kinds.ts';
import { controllerOf } from '../../api/meta.ts';
import type { KubeObject, OwnerReference, Pod, Scale } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';

export interface ExpectedPods {
  readonly count: number;
  /** The names of pods that no controller has. They count for nothing. */
  readonly unmanaged: readonly string[];
}

/** Throws an Error where a pod's controller is not there or does not say how many it wants. */
export async function expectedPods(context: ControllerContext, pods: readonly Pod[]): Promise<ExpectedPods> {
  const scales = new Map<string, number>();
  const asked = new Set<string>();
  const unmanaged: string[] = [];
  for (const pod of pods) {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const owner = controllerOf(pod);
    if (!owner) unmanaged.push(name);
    if (!owner || asked.has(owner.uid)) continue;
    asked.add(owner.uid);
    const found = scaleInCaches(context, owner, namespace) ?? (await scaleOfAny(context, owner, namespace));
    if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(name)}`);
    scales.set(found.uid, found.replicas);
  }
  const count = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
  return { count, unmanaged };
}

interface Scaled {
  readonly uid: string;
  readonly replicas: number;
}

interface Replicated extends KubeObject {
  spec?: { replicas?: number };
}

/** Of the workloads that are followed anyway; a ReplicaSet's Deployment counts in its place. */
function scaleInCaches({ caches }: ControllerContext, owner: OwnerReference, namespace: string): Scaled | undefined {
  const key = `${namespace}/${owner.name}`;
  if (isOf(owner, kinds.replicationcontrollers)) return scaleOf(caches.replicationcontrollers.get(key), owner);
  if (isOf(owner, kinds.statefulsets)) return scaleOf(caches.statefulsets.get(key), owner);
  if (!isOf(owner, kinds.replicasets)) return undefined;
  const set = caches.replicasets.get(key);
  if (!set || set.metadata?.uid !== owner.uid) return undefined;
  const above = controllerOf(set);
  if (!above || !isOf(above, kinds.deployments)) return scaleOf(set, owner);
  return scaleOf(caches.deployments.get(`${namespace}/${above.name}`), above);
}

function scaleOf(object: Replicated | undefined, { uid }: OwnerReference): Scaled | undefined {
  return object?.metadata?.uid === uid ? { uid, replicas: object.spec?.replicas ?? 1 } : undefined;
}

/** Of whatever else has the subresource `scale`, as custom resources may. */
async function scaleOfAny(
  { caches, client, signal }: ControllerContext,
  owner: OwnerReference,
  namespace: string,
): Promise<Scaled | undefined> {
  const kind = [...allKinds, ...caches.custom.kinds].find((one) => isOf(owner, one));
  if (!kind)
    throw new Error(`no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`);
  if (!kind.subresources.some(({ name }) => name === 'scale')) {
    throw new Error(`${groupResource(kind)} does not implement the scale subresource`);
  }
  try {
    const where = kind.namespaced ? { namespace, name: owner.name } : { name: owner.name };
    const { metadata, spec }: Scale = await client.get(kind, where, { subresource: 'scale', signal });
    return metadata?.uid === owner.uid ? { uid: owner.uid, replicas: spec?.replicas ?? 0 } : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The same group and kind, in whichever version the reference names it. */
function isOf({ apiVersion, kind }: OwnerReference, row: Kind): boolean {
  const slash = apiVersion.indexOf('/');
  return kind === row.kind && row.group === (slash < 0 ? '' : apiVersion.slice(0, slash));
}
