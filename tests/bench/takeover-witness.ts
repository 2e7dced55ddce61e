/**
 * Sees from outside when a new leader acts for the first time: it gives both loops work all the time and watches what comes of it,
 * through masters that live on.
 *
 * An action is the new leader's if it came after the change of the Lease in etcd's own order: the fence lets nobody else's through.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCluster, LocalMaster } from '../../compose/local-cluster.ts';
import { ApiClient } from '../support/api-client.ts';

export const roles = ['scheduler', 'controllerManager'] as const;
export type Role = (typeof roles)[number];

const leaseOf: Record<Role, string> = { scheduler: 'kube-scheduler', controllerManager: 'kube-controller-manager' };
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const pods = '/api/v1/namespaces/default/pods';
const controllers = '/api/v1/namespaces/default/replicationcontrollers';
const mostReplicas = 80;
const template = {
  metadata: { labels: { bench: 'replica' } },
  spec: { containers: [{ name: 'main', image: 'trimaster/echo:1' }] },
};

interface Seen {
  readonly atMs: number;
  readonly revision: number;
}

interface WatchedObject {
  metadata: { name: string; resourceVersion: string; labels?: Record<string, string> };
  spec: { nodeName?: string; leaseTransitions?: number; holderIdentity?: string };
}

/** A client of one master, past the balancer. */
export function clientOf(cluster: LocalCluster, { name, url }: LocalMaster, timeoutMs: number): ApiClient {
  const path = join(cluster.pkiDir, `${name}.kubeconfig`);
  writeFileSync(path, readFileSync(cluster.kubeconfig, 'utf8').replace(/^( +server:) .*$/m, `$1 ${url}`), {
    mode: 0o600,
  });
  return new ApiClient(path, { timeoutMs });
}

/** Who holds the lease of a role, and in which generation. */
export async function holderOf(api: ApiClient, role: Role): Promise<{ holder: string; generation: number }> {
  const { spec } = await api.json<WatchedObject>('GET', `${leases}/${leaseOf[role]}`);
  return { holder: spec.holderIdentity ?? '', generation: spec.leaseTransitions ?? 0 };
}

/** How the new leader of a role spent its takeover, as it measured that itself; '' when it does not say. */
export async function partsOf(
  { cluster, api }: { cluster: LocalCluster; api: ApiClient },
  role: Role,
): Promise<string> {
  const { holder } = await holderOf(api, role);
  const leader = cluster.masters.find(({ name }) => holder.startsWith(`${name}_`));
  if (!leader) return '';
  const text = await (await fetch(`http://127.0.0.1:${leader.ports[role]}/metrics`)).text();
  const found = text.matchAll(/^trimaster_takeover_seconds\{.*part="(\w+)".*\} (\S+)/gm);
  return [...found].map(([, part, seconds]) => `, ${part} ${Math.round(Number(seconds) * 1_000)}`).join('');
}

/** How many writes of deposed leaders an API server has refused since its start. */
export async function refusedWrites(cluster: LocalCluster, master: LocalMaster): Promise<number> {
  const api = clientOf(cluster, master, 5_000);
  try {
    const { text } = await api.send('GET', '/metrics');
    const counts = text.matchAll(/^trimaster_fenced_writes_total\{.*outcome="refused".*\} (\d+)/gm);
    return [...counts].reduce((total, [, count]) => total + Number(count), 0);
  } finally {
    await api.close();
  }
}

/** The controller whose pods are the controllers' work. */
export async function createWork(api: ApiClient): Promise<void> {
  const spec = { replicas: 1, selector: template.metadata.labels, template };
  await api.json('POST', controllers, { metadata: { name: 'bench' }, spec });
}

export async function removeWork(api: ApiClient): Promise<void> {
  await api.json('PATCH', `${controllers}/bench`, { spec: { replicas: 1 } }, 'application/merge-patch+json');
  await api.json('DELETE', `${pods}?labelSelector=bench%3Dbare`, { gracePeriodSeconds: 0 });
}

export class TakeoverWitness {
  readonly #apis: readonly ApiClient[];
  readonly #end = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly #elected = new Map<Role, Seen>();
  /** What might be the first action; which one it was is known once the Lease's change is. */
  readonly #actions: Record<Role, Seen[]> = { scheduler: [], controllerManager: [] };
  readonly #before: ReadonlyMap<Role, number>;

  /** `survivors` answer during the whole takeover; `before`: the generations in force. */
  constructor(survivors: readonly ApiClient[], before: ReadonlyMap<Role, number>) {
    this.#apis = survivors;
    this.#before = before;
    for (const api of survivors) {
      this.#running.push(this.#watch(api, leases, (lease, type, atMs) => this.#leaseSeen(lease, type, atMs)));
      this.#running.push(this.#watch(api, pods, (pod, type, atMs) => this.#podSeen(pod, type, atMs)));
    }
  }

  /** Opens the connections that the work goes over: their handshakes are not to compete with what is measured. */
  async connect(): Promise<void> {
    const atOnce = this.#apis.flatMap((api) => roles.map(() => api.send('GET', '/version')));
    await Promise.all(atOnce);
  }

  /** Begins to give work. */
  start(): void {
    this.#running.push(this.#keepDoing((api, turn) => this.#bindable(api, turn)));
    this.#running.push(this.#keepDoing((api, turn) => this.#scale(api, turn)));
  }

  /** When the new leader was elected and when it acted for the first time; undefined when that did not happen in time. */
  async takeover(role: Role, withinMs: number): Promise<{ electedMs: number; actedMs: number } | undefined> {
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      const elected = this.#elected.get(role);
      const acted = elected && this.#actions[role].find(({ revision }) => revision > elected.revision);
      if (acted) return { electedMs: elected.atMs, actedMs: acted.atMs };
      await sleep(10);
    }
    return undefined;
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  #leaseSeen({ metadata, spec }: WatchedObject, _: string, atMs: number): void {
    const role = roles.find((role) => leaseOf[role] === metadata.name);
    if (!role || this.#elected.has(role) || !spec.holderIdentity) return;
    if ((spec.leaseTransitions ?? 0) <= (this.#before.get(role) ?? 0)) return;
    this.#elected.set(role, { atMs, revision: Number(metadata.resourceVersion) });
  }

  #podSeen({ metadata, spec }: WatchedObject, type: string, atMs: number): void {
    const seen = { atMs, revision: Number(metadata.resourceVersion) };
    const bare = metadata.labels?.bench === 'bare';
    if (bare && type === 'MODIFIED' && spec.nodeName) this.#actions.scheduler.push(seen);
    if (!bare && (type === 'ADDED' || type === 'DELETED')) this.#actions.controllerManager.push(seen);
  }

  async #watch(
    api: ApiClient,
    path: string,
    onEvent: (object: WatchedObject, type: string, atMs: number) => void,
  ): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      try {
        const { metadata } = await api.json<{ metadata: { resourceVersion: string } }>('GET', path);
        for await (const line of api.watch(`${path}?watch=true&resourceVersion=${metadata.resourceVersion}`, signal)) {
          const atMs = performance.now();
          const { type, object } = JSON.parse(line);
          onEvent(object, type, atMs);
        }
      } catch {
        if (!signal.aborted) await sleep(50);
      }
    }
  }

  /** A pod that waits for a node. */
  async #bindable(api: ApiClient, turn: number): Promise<void> {
    const name = `bare-${process.hrtime.bigint()}-${turn}`;
    await api.send('POST', pods, { metadata: { name, labels: { bench: 'bare' } }, spec: template.spec });
  }

  /** One replica more each time: whenever a leader begins, there is something to do. */
  async #scale(api: ApiClient, turn: number): Promise<void> {
    const spec = { replicas: 1 + Math.min(turn, mostReplicas) };
    await api.send('PATCH', `${controllers}/bench`, { spec }, 'application/merge-patch+json');
  }

  async #keepDoing(work: (api: ApiClient, turn: number) => Promise<void>): Promise<void> {
    for (let turn = 1; !this.#end.signal.aborted; turn += 1) {
      const api = this.#apis[turn % this.#apis.length];
      if (api) await work(api, turn).catch(() => {});
      await sleep(30);
    }
  }
}
