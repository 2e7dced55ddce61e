/**
 * The work that is measured: ConfigMaps of about 0.8 KB, 32 connections, TLS, through the balancer. The same work was done
 * on Kubernetes for `peer.json`.
 */
import { ApiClient } from '../support/api-client.ts';
import { fanOut } from './fan-out.ts';
import { type Figures, measure, nobody, type Pids } from './measure.ts';

const connections = 32;
const namespace = '/api/v1/namespaces/default/configmaps';
const objects = 2_000;
const warmUps = 3_000;

export interface Servers {
  readonly kubeconfig: string;
  readonly pids: Pids;
}

export interface Work {
  /** 1: the full one. */
  readonly size: number;
  /** Which parts to do, by a regular expression for their names. Objects are created in any case: the others need them. */
  readonly only?: string | undefined;
  /** Does a part, and may look on meanwhile. */
  readonly around: (name: string, part: () => Promise<Figures>) => Promise<Figures>;
}

/** Runs the work; tells each figure as soon as it is there. */
export async function apiWorkload(
  servers: Servers,
  { size, only = '', around }: Work,
  tell: (name: string, figures: Figures) => void,
): Promise<void> {
  const api = new ApiClient(servers.kubeconfig, { connections, timeoutMs: 30_000 });
  const times = (count: number): number => Math.max(connections, Math.round(count * size));
  const part = async (name: string, work: () => Promise<Figures>): Promise<void> => {
    if (name === 'create' || new RegExp(only).test(name)) tell(name, await around(name, work));
  };
  const run = (
    name: string,
    count: number,
    operation: (turn: number) => Promise<unknown>,
    atOnce = connections,
  ): Promise<void> =>
    part(name, () => measure(servers.pids, count, atOnce, async (turn) => void (await operation(turn))));
  const list = (): Promise<unknown> => api.send('GET', namespace);
  const select = (): Promise<unknown> => api.send('GET', `${namespace}?labelSelector=tenth%3D3`);
  const page = (): Promise<unknown> => api.send('GET', `${namespace}?limit=100`);
  const nameOf = (turn: number): string => `bench-${turn % objects}`;
  try {
    // What is measured is a server that has served for a while, not its start.
    await measure(nobody, warmUps, connections, async (turn) => {
      await api.json('POST', namespace, configMap(`warm-${turn}`, turn));
      await api.json('DELETE', `${namespace}/warm-${turn}`);
    });
    await run('create', objects, (turn) => api.json('POST', namespace, configMap(nameOf(turn), turn)));
    await run('get, consistent', times(8_000), (turn) => api.json('GET', `${namespace}/${nameOf(turn)}`));
    await run('get, resourceVersion=0', times(8_000), (turn) =>
      api.json('GET', `${namespace}/${nameOf(turn)}?resourceVersion=0`),
    );
    await run('list 2,000', times(200), list);
    // As many as Kubernetes had under way, by its lists a second and their latency: to compare the latency with.
    await run('list 2,000, 4 at once', times(200), list, 4);
    await run('list, selector (200 of 2,000)', times(600), select);
    await run('list, selector, 4 at once', times(600), select, 4);
    await run('list, limit=100', times(1_000), page);
    await run('list, limit=100, 8 at once', times(1_000), page, 8);
    // Each changes its object: what changes nothing is no write.
    await run('update', times(4_000), (turn) =>
      api.json('PUT', `${namespace}/${nameOf(turn)}`, configMap(nameOf(turn), objects + turn)),
    );
    await run('merge patch', times(4_000), (turn) =>
      api.json('PATCH', `${namespace}/${nameOf(turn)}`, { data: { turn: `p${turn}` } }, 'application/merge-patch+json'),
    );
    await part('watch fan-out, 100 watchers', () => fanOut(servers, api, { namespace, connections }));
    await part('fan-out of 270 writes/s', () => fanOut(servers, api, { namespace, connections, perSecond: 270 }));
    await run('delete', objects, (turn) => api.json('DELETE', `${namespace}/${nameOf(turn)}`));
  } finally {
    await api.close();
  }
}

function configMap(name: string, turn: number): unknown {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { app: 'bench', tenth: String(turn % 10) } },
    data: { turn: String(turn), text: 'abcdefghij'.repeat(55) },
  };
}
