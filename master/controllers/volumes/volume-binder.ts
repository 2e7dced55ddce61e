/**
 * The binder of PersistentVolumes: gives each claim a volume that is there and does, and says of volumes whether they are free
 * (Kubernetes, "Persistent Volumes"). It makes no volumes and deletes none.
 *
 * Guarantees: a volume is one claim's at a time: it is bound by a write that compares the state that was found free, and the claim
 * says that it is bound only after that. What a claim let go is not given to another before an administrator frees it.
 */
import { isNotFound } from '../../api/errors.ts';
import type { EventRecorder } from '../../api/events.ts';
import { kinds } from '../../api/kinds.ts';
import { deepEqual, keyOf } from '../../api/meta.ts';
import { unlessOvertaken } from '../../api/overtaken.ts';
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';
import {
  annotated,
  bindCompleted,
  boundByController,
  boundTo,
  candidatesFor,
  claimNameOf,
  classOf,
  isFor,
  selectedNode,
  waitsForConsumer,
  whyNot,
} from '../../api/volume-claims.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { podIndex } from '../caches.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';

type Pv = PersistentVolume;
type Pvc = PersistentVolumeClaim;
type Phase = 'Available' | 'Bound' | 'Released' | 'Failed';

const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** On a claim: who is to make a volume for it; also under the name that older provisioners know. */
const provisionerKeys = ['volume.kubernetes.io/storage-provisioner', 'volume.beta.kubernetes.io/storage-provisioner'];
/** The provisioners that Kubernetes had in itself; here there are none. */
const builtIn = 'kubernetes.io/';

export async function startVolumeBinder(context: ControllerContext): Promise<void> {
  const binder = new VolumeBinder(context);
  binder.watch();
  await Promise.all([
    work(context, binder.claims, 1, (key) => unlessOvertaken(binder.syncClaim(key))),
    work(context, binder.volumes, 1, (key) => unlessOvertaken(binder.syncVolume(key))),
  ]);
}

class VolumeBinder {
  readonly claims: WorkQueue;
  readonly volumes: WorkQueue;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.claims = newQueue(context, 'claims');
    this.volumes = newQueue(context, 'volumes');
    this.#recorder = newRecorder(context, 'persistentvolume-controller');
  }

  watch(): void {
    const { signal } = this.#context;
    const claim = (one: Pvc): void => {
      this.claims.add(keyOf(one));
      if (one.spec?.volumeName) this.volumes.add(one.spec.volumeName);
    };
    const gone = (one: Pvc): void => {
      for (const volume of this.#pvs.list()) if (isFor(volume, one)) this.volumes.add(keyOf(volume));
    };
    const volume = (one: Pv): void => {
      this.volumes.add(keyOf(one));
      const { namespace, name } = one.spec?.claimRef ?? {};
      if (name) {
        this.claims.add(`${namespace}/${name}`);
        return;
      }
      // It is free, for whoever waits for one like it.
      for (const waiting of this.#pvcs.list()) {
        const wanted = waiting.spec?.volumeName;
        if (wanted === keyOf(one) || (!wanted && classOf(waiting) === classOf(one))) this.claims.add(keyOf(waiting));
      }
    };
    const storageClass = ({ metadata }: StorageClass): void => {
      for (const waiting of this.#pvcs.list()) {
        if (!waiting.spec?.volumeName && classOf(waiting) === metadata?.name) this.claims.add(keyOf(waiting));
      }
    };
    this.#classes.addHandler({ added: storageClass }, signal);
    this.#pvcs.addHandler({ added: claim, updated: (_, one) => claim(one), deleted: gone }, signal);
    this.#pvs.addHandler({ added: volume, updated: (_, one) => volume(one), deleted: volume }, signal);
  }

  get #pvs() {
    return this.#context.caches.informers.for('persistentvolumes');
  }

  get #pvcs() {
    return this.#context.caches.informers.for('persistentvolumeclaims');
  }

  get #classes() {
    return this.#context.caches.informers.for('storageclasses');
  }

  async syncClaim(key: string): Promise<void> {
    const claim = this.#pvcs.get(key);
    if (!claim) return;
    const name = claim.spec?.volumeName;
    const volume = name ? this.#pvs.get(name) : undefined;
    if (claim.metadata?.annotations?.[bindCompleted] !== undefined) {
      if (volume && (!volume.spec?.claimRef || isFor(volume, claim))) return this.#bind(volume, claim);
      return this.#lose(claim, volume);
    }
    if (claim.metadata?.deletionTimestamp) return;
    if (!name) return this.#choose(claim);
    if (!volume) return this.#say(claim, 'Normal', 'FailedBinding', `volume ${JSON.stringify(name)} not found`);
    const otherClass = classOf(volume) === classOf(claim) ? undefined : 'storageClassName does not match';
    const why = volume.spec?.claimRef ? undefined : (whyNot(volume, claim) ?? otherClass);
    if (why) {
      const message = `Cannot bind to requested volume ${JSON.stringify(name)}: ${why}`;
      return this.#say(claim, 'Warning', 'VolumeMismatch', message);
    }
    if (!volume.spec?.claimRef || isFor(volume, claim)) return this.#bind(volume, claim);
    this.#say(claim, 'Warning', 'FailedBinding', `volume ${JSON.stringify(name)} already bound to a different claim.`);
  }

  async #choose(claim: Pvc): Promise<void> {
    const { kept, free } = candidatesFor(claim, this.#pvs.list());
    if (kept) return this.#bind(kept, claim);
    const className = classOf(claim);
    const storageClass = className === '' ? undefined : this.#classes.get(className);
    if (waitsForConsumer(storageClass)) {
      // The scheduler chooses: a volume, which is then kept for the claim, or the node where one is to be made.
      if (claim.metadata?.annotations?.[selectedNode] === undefined) return this.#sayWaiting(claim);
    } else if (free[0]) return this.#bind(free[0], claim);
    if (className === '') {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      return this.#say(claim, 'Normal', 'FailedBinding', message);
    }
    if (!storageClass) {
      const message = `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`;
      return this.#say(claim, 'Warning', 'ProvisioningFailed', message);
    }
    await this.#haveMade(claim, storageClass.provisioner);
  }

  /** Says who is to make a volume for the claim; that one waits for it to be said. */
  async #haveMade(claim: Pvc, by: string): Promise<void> {
    if (by.startsWith(builtIn)) {
      return this.#say(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${by}`);
    }
    const metadata = annotated(claim, Object.fromEntries(provisionerKeys.map((key) => [key, by])));
    if (!deepEqual(metadata.annotations, claim.metadata?.annotations)) {
      await this.#context.client.update('persistentvolumeclaims', { ...claim, metadata });
    }
    const message = `Waiting for a volume to be created either by the external provisioner '${by}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    this.#say(claim, 'Normal', 'ExternalProvisioning', message);
  }

  #sayWaiting(claim: Pvc): void {
    const { namespace = '', name } = claim.metadata ?? {};
    const consumer = this.#context.caches.pods
      .byIndex(podIndex.namespace, namespace)
      .find((pod) => pod.spec?.volumes?.some((volume) => claimNameOf(pod, volume) === name));
    if (!consumer) {
      const message = 'waiting for first consumer to be created before binding';
      this.#say(claim, 'Normal', 'WaitForFirstConsumer', message);
    } else {
      const message = `waiting for pod ${consumer.metadata?.name} to be scheduled`;
      this.#say(claim, 'Normal', 'WaitForPodScheduled', message);
    }
  }

  /** First the volume, then the claim: whoever sees a bound claim sees a volume that is its own. */
  async #bind(volume: Pv, claim: Pvc): Promise<void> {
    const { client } = this.#context;
    const name = keyOf(volume);
    let own = boundTo(volume, claim);
    if (own !== volume) own = await client.update('persistentvolumes', own);
    await this.#setPhase(own, 'Bound');
    const { accessModes, capacity } = own.spec ?? {};
    const chosen: Record<string, string> = claim.spec?.volumeName ? {} : { [boundByController]: 'yes' };
    const metadata = annotated(claim, { [bindCompleted]: 'yes', ...chosen });
    let bound: Pvc = { ...claim, metadata, spec: { ...claim.spec, volumeName: name } };
    if (!deepEqual(bound, claim)) bound = await client.update('persistentvolumeclaims', bound);
    const grown = claim.status?.phase === 'Bound' ? claim.status.capacity : undefined;
    const status = { ...bound.status, phase: 'Bound', accessModes, capacity: grown ?? capacity };
    if (deepEqual(status, bound.status)) return;
    await client.update('persistentvolumeclaims', { ...bound, status }, { subresource: 'status' });
  }

  /** Its volume is gone, or another claim's. */
  async #lose(claim: Pvc, volume: Pv | undefined): Promise<void> {
    if (claim.status?.phase === 'Lost') return;
    const [reason, message] = volume
      ? ['ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly']
      : ['ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!'];
    this.#say(claim, 'Warning', reason, message);
    const { accessModes: _modes, capacity: _capacity, ...rest } = claim.status ?? {};
    const status = { ...rest, phase: 'Lost' };
    await this.#context.client.update('persistentvolumeclaims', { ...claim, status }, { subresource: 'status' });
  }

  async syncVolume(key: string): Promise<void> {
    const volume = this.#pvs.get(key);
    const claimRef = volume?.spec?.claimRef;
    if (!volume) return;
    if (!claimRef?.uid) return this.#setPhase(volume, 'Available');
    const claim = await this.#claimOf(claimRef);
    if (!claim) return this.#release(volume);
    const has = claim.spec?.volumeName;
    // The claim is about to be bound to it, or was.
    if (!has) return void this.claims.add(keyOf(claim));
    if (has === key) return this.#setPhase(volume, 'Bound');
    await this.#unbind(volume);
  }

  /** The claim of that uid; asked of the API server before it is said to be gone. */
  async #claimOf({
    namespace,
    name = '',
    uid,
  }: NonNullable<NonNullable<Pv['spec']>['claimRef']>): Promise<Pvc | undefined> {
    const known = this.#pvcs.get(`${namespace}/${name}`);
    if (known?.metadata?.uid === uid) return known;
    try {
      const live = await this.#context.client.get('persistentvolumeclaims', { namespace, name });
      return live.metadata?.uid === uid ? live : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #release(volume: Pv): Promise<void> {
    if (volume.status?.phase === 'Failed') return;
    const { metadata, spec } = volume;
    const mayDelete = spec?.persistentVolumeReclaimPolicy !== 'Retain';
    // Whoever made it deletes it, once it is released.
    if (!mayDelete || metadata?.annotations?.[provisionedBy] !== undefined) return this.#setPhase(volume, 'Released');
    const isDelete = spec?.persistentVolumeReclaimPolicy === 'Delete';
    const message = isDelete
      ? `error getting deleter volume plugin for volume ${JSON.stringify(keyOf(volume))}: no deletable volume plugin matched`
      : 'no recyclable volume plugin matched';
    const reason = isDelete ? 'VolumeFailedDelete' : 'VolumeFailedRecycle';
    this.#recorder.event(volume, kinds.persistentvolumes, 'Warning', reason, message);
    await this.#setPhase(volume, 'Failed', message);
  }

  /** The claim has another volume. What an administrator kept for its name stays so. */
  async #unbind(volume: Pv): Promise<void> {
    const { claimRef, ...spec } = volume.spec ?? {};
    const { [boundByController]: chosen, ...annotations } = volume.metadata?.annotations ?? {};
    const { uid: _uid, resourceVersion: _version, ...kept } = claimRef ?? {};
    await this.#context.client.update('persistentvolumes', {
      ...volume,
      metadata: { ...volume.metadata, annotations },
      spec: chosen === undefined ? { ...spec, claimRef: kept } : spec,
    });
  }

  async #setPhase(volume: Pv, phase: Phase, message?: string): Promise<void> {
    const { message: _message, ...rest } = volume.status ?? {};
    if (rest.phase === phase) return;
    const status = { ...rest, phase, ...(message !== undefined && { message }) };
    await this.#context.client.update('persistentvolumes', { ...volume, status }, { subresource: 'status' });
  }

  #say(claim: Pvc, type: 'Normal' | 'Warning', reason = '', message = ''): void {
    this.#recorder.event(claim, kinds.persistentvolumeclaims, type, reason, message);
  }
}
