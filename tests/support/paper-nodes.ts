/**
 * Nodes on paper: objects that renew their leases, take pods in turn and call them Running. They stand for scheduler and
 * kubelets in tests of the controllers, where what matters is only what the API shows.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../master/api/client.ts';
import { isConflict, isForbidden, isNotFound } from '../../master/api/errors.ts';
import { Informer } from '../../master/api/informer.ts';
import { keyOf, nowMicros, nowSeconds } from '../../master/api/meta.ts';
import type { Pod } from '../../master/api/types.ts';
import { isTerminated } from '../../master/controllers/pod-facts.ts';

const renewMs = 500;

export class PaperNodes {
  readonly pods: Informer<'pods'>;
  readonly #client: Client;
  readonly #schedules: boolean;
  readonly #alive = new Set<string>();
  readonly #stopped = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #turn = 0;
  #address = 0;

  /** `schedules`: whether pods are given to nodes, too, where no scheduler runs. */
  constructor(client: Client, { schedules = true } = {}) {
    this.#client = client;
    this.#schedules = schedules;
    this.pods = new Informer(client, 'pods');
    this.pods.addHandler({
      added: (pod) => this.#does(this.#take(pod)),
      updated: (_, pod) => this.#does(this.#take(pod)),
    });
  }

  async start(...names: string[]): Promise<this> {
    for (const name of names) await this.add(name);
    this.#does(this.pods.run(this.#stopped.signal));
    this.#does(this.#renew());
    await this.pods.synced;
    return this;
  }

  /** The node falls silent. What is on it stays as it is. */
  kill(name: string): void {
    this.#alive.delete(name);
  }

  /** The node speaks again, and reports itself and its pods ready. */
  async revive(name: string): Promise<void> {
    this.#alive.add(name);
    await this.#report(name);
    for (const pod of this.pods.list()) if (pod.spec?.nodeName === name) await this.#take(pod);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#work);
  }

  /** One more node. */
  async add(name: string): Promise<void> {
    await this.#client.create('nodes', { metadata: { name } });
    await this.#report(name);
    const metadata = { namespace: 'kube-node-lease', name };
    await this.#client.create('leases', { metadata, spec: { holderIdentity: name, renewTime: nowMicros() } });
    // From now on its lease is renewed, which has to be there.
    this.#alive.add(name);
  }

  async #report(name: string): Promise<void> {
    const now = nowSeconds();
    const condition = (type: string, status: string) => ({
      type,
      status,
      reason: 'Paper',
      message: '',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    });
    const conditions = [condition('Ready', 'True'), condition('MemoryPressure', 'False')];
    const patch = { status: { conditions, capacity: { pods: '1000' }, allocatable: { pods: '1000' } } };
    await this.#client.patch('nodes', { name }, patch, { type: 'strategic', subresource: 'status' });
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      for (const name of this.#alive) {
        const patch = { spec: { renewTime: nowMicros() } };
        await this.#client.patch('leases', { namespace: 'kube-node-lease', name }, patch, { type: 'merge' });
      }
      await sleep(renewMs, undefined, { signal }).catch(() => {});
    }
  }

  async #take(pod: Pod): Promise<void> {
    const { namespace, name = '', uid } = pod.metadata ?? {};
    const node = pod.spec?.nodeName;
    try {
      if (!node) {
        if (!this.#schedules) return;
        const names = [...this.#alive];
        this.#turn += 1;
        const next = names[this.#turn % names.length];
        if (next && !pod.metadata?.deletionTimestamp) await this.#client.bind({ namespace, name, uid }, next);
        return;
      }
      if (!this.#alive.has(node) || (isTerminated(pod) && !pod.metadata?.deletionTimestamp)) return;
      if (pod.metadata?.deletionTimestamp) {
        await this.#client.delete('pods', { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
      } else if (pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') {
        await this.#run(pod);
      }
    } catch (error) {
      // A namespace that ends takes no bindings any more.
      const isLate = isNotFound(error) || isConflict(error) || isForbidden(error);
      if (!isLate && !this.#stopped.signal.aborted) throw error;
    }
  }

  async #run(pod: Pod): Promise<void> {
    const { namespace, name = '' } = pod.metadata ?? {};
    this.#address += 1;
    const podIP = pod.status?.podIP ?? `10.244.${Math.floor(this.#address / 250)}.${(this.#address % 250) + 1}`;
    const ready = { type: 'Ready', status: 'True', lastTransitionTime: nowSeconds() };
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [ready] };
    await this.#client.patch('pods', { namespace, name }, { status }, { type: 'strategic', subresource: 'status' });
  }

  #does(work: Promise<void>): void {
    const done = work.catch((error: unknown) => {
      if (!this.#stopped.signal.aborted) throw error;
    });
    this.#work.add(done);
    void done.finally(() => this.#work.delete(done));
  }
}

/** A replication controller's object; its pods tolerate a lost node for a second, or as long as is said. */
export function replicationController(
  name: string,
  replicas: number,
  { namespace = 'default', tolerationSeconds = 1 } = {},
) {
  return {
    metadata: { namespace, name },
    spec: {
      replicas,
      selector: { app: name },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [{ name: 'main', image: 'trimaster/echo:1' }],
          terminationGracePeriodSeconds: 1,
          tolerations: ['not-ready', 'unreachable'].map((key) => ({
            key: `node.kubernetes.io/${key}`,
            operator: 'Exists',
            effect: 'NoExecute',
            tolerationSeconds,
          })),
        },
      },
    },
  };
}

/** Every pod of the app that was ever made, by uid, from the moment of the call on. */
export class PodHistory {
  readonly created = new Set<string>();
  readonly deleted = new Set<string>();
  readonly #awaited: { readonly count: number; readonly reached: () => void }[] = [];

  constructor(pods: Informer<'pods'>, app: string, signal?: AbortSignal) {
    const mine = (pod: Pod): boolean => pod.metadata?.labels?.app === app;
    const uidOf = (pod: Pod): string => pod.metadata?.uid ?? keyOf(pod);
    pods.addHandler(
      {
        added: (pod) => mine(pod) && this.#add(uidOf(pod)),
        deleted: (pod) => mine(pod) && this.deleted.add(uidOf(pod)),
      },
      signal,
    );
  }

  /** Resolves in the very moment in which so many pods have been made. */
  async reaches(count: number): Promise<void> {
    if (this.created.size >= count) return;
    await new Promise<void>((reached) => this.#awaited.push({ count, reached }));
  }

  #add(uid: string): void {
    this.created.add(uid);
    for (const { count, reached } of this.#awaited) if (this.created.size >= count) reached();
  }
}
