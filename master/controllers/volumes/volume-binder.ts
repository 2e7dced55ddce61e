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
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts';
import type { WorkQueue } from '../../api/workqueue.ts';
import { type ControllerContext, newQueue, newRecorder, work } from '../context.ts';
import { classOf, findVolume, isFor, whyNot } from './matching.ts';

type Pv = PersistentVolume;
type Pvc = PersistentVolumeClaim;
type Phase = 'Available' | 'Bound' | 'Released' | 'Failed';

const bindCompleted = 'pv.kubernetes.io/bind-completed';
const boundByController = 'pv.kubernetes.io/bound-by-controller';
const provisionedBy = 'pv.kubernetes.io/provisioned-by';

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
    this.#pvcs.addHandler({ added: claim, updated: (_, one) => claim(one), deleted: gone }, signal);
    this.#pvs.addHandler({ added: volume, updated: (_, one) => volume(one), deleted: volume }, signal);
  }

  get #pvs() {
    return this.#context.caches.informers.for('persistentvolumes');
  }

  get #pvcs() {
    return this.#context.caches.informers.for('persistentvolumeclaims');
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
    const found = findVolume(claim, this.#pvs.list());
    const className = classOf(claim);
    const storageClass =
      className === '' ? undefined : this.#context.caches.informers.for('storageclasses').get(className);
    const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !(found && isFor(found, claim));
    if (waits) {
      const message = 'waiting for first consumer to be created before binding';
      return this.#say(claim, 'Normal', 'WaitForFirstConsumer', message);
    }
    if (found) return this.#bind(found, claim);
    if (className === '') {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      return this.#say(claim, 'Normal', 'FailedBinding', message);
    }
    if (!storageClass) {
      const message = `storageclass.storage.k8s.io ${JSON.stringify(className)} not found`;
      return this.#say(claim, 'Warning', 'ProvisioningFailed', message);
    }
    const by = storageClass.provisioner;
    const message = `Waiting for a volume to be created either by the external provisioner '${by}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    this.#say(claim, 'Normal', 'ExternalProvisioning', message);
  }

  /** First the volume, then the claim: whoever sees a bound claim sees a volume that is its own. */
  async #bind(volume: Pv, claim: Pvc): Promise<void> {
    const { client } = this.#context;
    const name = keyOf(volume);
    let own = volume;
    if (volume.spec?.claimRef?.uid !== claim.metadata?.uid) {
      const { namespace, name: claimName, uid, resourceVersion } = claim.metadata ?? {};
      const claimRef = {
        kind: 'PersistentVolumeClaim',
        apiVersion: 'v1',
        namespace,
        name: claimName,
        uid,
        resourceVersion,
      };
      const kept = volume.spec?.claimRef !== undefined;
      const metadata = kept ? volume.metadata : annotated(volume, { [boundByController]: 'yes' });
      own = await client.update('persistentvolumes', { ...volume, metadata, spec: { ...volume.spec, claimRef } });
    }
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

function annotated({ metadata = {} }: Pv | Pvc, more: Record<string, string>): NonNullable<Pv['metadata']> {
  return { ...metadata, annotations: { ...metadata.annotations, ...more } };
}
