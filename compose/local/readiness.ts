/** Whether a local cluster is up: every process of every master well, and every node Ready. */
import { Client } from '../../master/api/client.ts';
import { sleep } from '../../master/api/clock.ts';
import { loadKubeconfig } from '../../master/api/config.ts';
import { troubleAt } from '../../master/api/health-probe.ts';
import { getCondition } from '../../master/api/meta.ts';

const pollMs = 100;

interface Master {
  readonly name: string;
  readonly url: string;
  readonly ports: { readonly scheduler: number; readonly controllerManager: number };
}

/** As much of a local cluster as is looked at. */
export interface Cluster {
  readonly kubeconfig: string;
  readonly masters: readonly Master[];
  readonly nodes: readonly { readonly name: string }[];
  readonly balancer: { readonly logFile: string };
}

/** Resolves when everything is up. Rejects after the time, with what was still missing and where to read on. */
export async function allReady(
  cluster: Cluster,
  withinMs: number,
  onProgress: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const client = new Client(loadKubeconfig(cluster.kubeconfig), { userAgent: 'trimaster-local' });
  const timeout = AbortSignal.timeout(withinMs);
  const end = signal ? AbortSignal.any([signal, timeout]) : timeout;
  try {
    for (;;) {
      const missing = await missingOf(cluster, client, end);
      onProgress(missing.length === 0 ? 'all Ready' : `waiting for ${missing.join(', ')}`);
      if (missing.length === 0) return;
      signal?.throwIfAborted();
      if (end.aborted) {
        const logs = cluster.balancer.logFile.replace(/[^/]*$/, '');
        throw new Error(`not Ready after ${withinMs / 1000} s: ${missing.join(', ')}; the logs are in ${logs}`);
      }
      await sleep(pollMs, end);
    }
  } finally {
    await client.close();
  }
}

/** The names of what is not up yet: the first such master, and once the masters are there the nodes. */
async function missingOf(cluster: Cluster, client: Client, signal: AbortSignal): Promise<string[]> {
  // Asked in turn: each question costs the starting cluster a TLS handshake.
  for (const master of cluster.masters) if (!(await isUp(master))) return [master.name];
  const ready = await readyNodes(client, signal);
  return cluster.nodes.map(({ name }) => name).filter((name) => !ready.has(name));
}

async function isUp({ url, ports }: Master): Promise<boolean> {
  // One after the other: while the API server is not ready, the rest need not be asked.
  for (const target of [`${url}/readyz`, healthOf(ports.scheduler), healthOf(ports.controllerManager)]) {
    if ((await troubleAt(target, 1_000)) !== undefined) return false;
  }
  return true;
}

const healthOf = (port: number): string => `http://127.0.0.1:${port}/readyz`;

async function readyNodes(client: Client, signal: AbortSignal): Promise<Set<string>> {
  try {
    const { items } = await client.list('nodes', {}, signal);
    const ready = items.filter((node) => getCondition(node.status?.conditions, 'Ready')?.status === 'True');
    return new Set(ready.map((node) => node.metadata?.name ?? ''));
  } catch {
    return new Set();
  }
}
