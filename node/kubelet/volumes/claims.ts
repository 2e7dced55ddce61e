/**
 * What a pod's claims stand for on this node: the directory of the hostPath or local volume that each is bound to.
 *
 * Guarantees: nothing is mounted of a volume that is bound to another claim, or whose node affinity leaves this node out ("Persistent
 * Volumes", node affinity). What was found once for a pod holds as long as the pod lives: bindings do not change.
 */
import type { Client } from '../../../master/api/client.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../../master/api/types.ts';
import { claimNameOf, reaches, whyNotMadeFor } from '../../../master/api/volume-claims.ts';
import { namespaceOf, uidOf } from '../pods/pod.ts';
import { MountError } from './volumes.ts';

export interface ClaimReader {
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim>;
  volume(name: string): Promise<PersistentVolume>;
}

export const claimReader = (client: Client): ClaimReader => ({
  claim: (namespace, name) => client.get('persistentvolumeclaims', { namespace, name }),
  volume: (name) => client.get('persistentvolumes', { name }),
});

export class Claims {
  readonly #read: ClaimReader;
  readonly #known = new Map<string, Map<string, Volume>>();

  constructor(read: ClaimReader) {
    this.#read = read;
  }

  /** The pod with what its claims stand for in their place. Throws MountError for one that cannot be used. */
  async resolve(pod: Pod, node: Node | undefined): Promise<Pod> {
    const volumes = pod.spec?.volumes ?? [];
    if (!pod.spec || !volumes.some((volume) => claimNameOf(pod, volume))) return pod;
    const uid = uidOf(pod);
    const known = this.#known.get(uid) ?? new Map<string, Volume>();
    this.#known.set(uid, known);
    const resolved: Volume[] = [];
    for (const volume of volumes) {
      const found =
        known.get(volume.name) ??
        (await this.#resolveOne(pod, volume, node).catch((error: unknown) => {
          throw new MountError(volume.name, error);
        }));
      if (found !== volume) known.set(volume.name, found);
      resolved.push(found);
    }
    return { ...pod, spec: { ...pod.spec, volumes: resolved } };
  }

  /** The pod is gone. */
  release(uid: string): void {
    this.#known.delete(uid);
  }

  async #resolveOne(pod: Pod, volume: Volume, node: Node | undefined): Promise<Volume> {
    const name = claimNameOf(pod, volume);
    if (name === undefined) return volume;
    const namespace = namespaceOf(pod);
    const claim = await this.#read.claim(namespace, name);
    const other = volume.ephemeral && whyNotMadeFor(pod, claim);
    if (other) throw new Error(other);
    const bound = claim.spec?.volumeName;
    if (claim.status?.phase !== 'Bound' || !bound)
      throw new Error(`error processing PVC ${namespace}/${name}: PVC is not bound`);
    return sourceOf(volume.name, claim, await this.#read.volume(bound), node);
  }
}

/** A volume of a pod that shows what the persistent volume is. Throws an Error where this node cannot, or may not. */
export function sourceOf(
  name: string,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  node: Node | undefined,
): Volume {
  const { metadata, spec } = volume;
  const title = metadata?.name ?? '';
  if (spec?.claimRef?.uid !== claim.metadata?.uid) throw new Error(`PV ${title} is bound to another claim`);
  if (spec?.nodeAffinity?.required && !(node && reaches(volume, node))) {
    throw new Error(`MountVolume.NodeAffinity check failed for volume "${title}" : no matching NodeSelectorTerms`);
  }
  if (spec?.volumeMode === 'Block') throw new Error(`volume ${title} has volumeMode Block, which is not supported`);
  if (spec?.hostPath) return { name, hostPath: spec.hostPath };
  if (spec?.local) return { name, hostPath: { path: spec.local.path, type: 'Directory' } };
  throw new Error('no volume plugin matched');
}
