/**
 * Makes the claims of a StatefulSet's pods and says with whom they go.
 *
 * Guarantees: a claim is made before its pod, and is there once, because its name follows from the pod's; one that goes with a pod says
 * so before the pod is removed.
 */
import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import { keyOf, nameOf } from '../../api/meta.ts';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';
import { firstOwners, isDoomed, newOwners } from './claim-retention.ts';
import { claimsFor, podNameOf } from './identity.ts';

export class ClaimKeeper {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** Whether a new pod of the ordinal has to wait. */
  hasDoomed(set: StatefulSet, ordinal: number): boolean {
    return this.#present(set, ordinal).some((claim) => isDoomed(claim, podNameOf(set, ordinal)));
  }

  /** Makes those that are not there. `made` is told of each. */
  async ensure(set: StatefulSet, ordinal: number, made: (claim: PersistentVolumeClaim) => void): Promise<void> {
    const { caches, client } = this.#context;
    for (const claim of claimsFor(set, ordinal)) {
      if (caches.persistentvolumeclaims.get(keyOf(claim))) continue;
      try {
        const ownerReferences = firstOwners(set);
        await client.create('persistentvolumeclaims', { ...claim, metadata: { ...claim.metadata, ownerReferences } });
        made(claim);
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
    }
  }

  /** Says with whom the pod's claims go. `isCondemned`: the set is no longer to have the pod. */
  async settle(set: StatefulSet, ordinal: number, pod: Pod, isCondemned: boolean): Promise<void> {
    for (const claim of this.#present(set, ordinal)) {
      const ownerReferences = newOwners(set, claim, pod, isCondemned);
      if (!ownerReferences) continue;
      const { uid, resourceVersion } = claim.metadata ?? {};
      const patch = { metadata: { uid, resourceVersion, ownerReferences } };
      try {
        await this.#context.client.patch('persistentvolumeclaims', nameOf(claim), patch, { type: 'merge' });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }

  #present(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
    const { persistentvolumeclaims } = this.#context.caches;
    return claimsFor(set, ordinal).flatMap((claim) => persistentvolumeclaims.get(keyOf(claim)) ?? []);
  }
}
