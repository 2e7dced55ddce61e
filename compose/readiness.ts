/**
 * When a cluster is up: all masters serve, and all nodes are Ready. The balancer's admin port says the one, the API the other.
 * What the API remembers of a node may be from before its container was started, so its heartbeat must be younger.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { Client } from '../master/api/client.ts';
import { loadKubeconfig } from '../master/api/config.ts';
import { getCondition } from '../master/api/meta.ts';
import type { Node } from '../master/api/types.ts';
import { UserError } from './install.ts';
import { mastersOf } from './override.ts';
import { compose, nodes, type Project } from './project.ts';
import { run } from './system.ts';

const pollMs = 200;
/** More of one line of a log hides the others. */
const longestLine = 400;

/** Resolves when all are Ready. After `timeoutMs` it says who is not, and what they said last. */
export async function waitUntilReady(
  project: Project,
  report: (detail: string) => void,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const masters = mastersOf(project);
  const startedAt = await containerStarts(project);
  let client: Client | undefined;
  try {
    for (;;) {
      const upMasters = await servingMasters(project, masters);
      // Asking a cluster that cannot answer yet would only cost it time.
      if (upMasters.length > 0) client ??= new Client(loadKubeconfig(project.kubeconfig), { timeoutMs: 2_000 });
      const readyNodes = client ? await namesOfReadyNodes(client, startedAt) : [];
      report(`${upMasters.length} of ${masters.length} masters, ${readyNodes.length} of ${nodes.length} nodes Ready`);
      const missing = [...masters, ...nodes].filter((name) => !upMasters.includes(name) && !readyNodes.includes(name));
      if (missing.length === 0) return;
      if (Date.now() > deadline) throw new UserError(await complaint(project, missing));
      await sleep(pollMs);
    }
  } finally {
    await client?.close();
  }
}

interface BalancerState {
  readonly backends: readonly { readonly name: string; readonly health: string }[];
}

async function servingMasters(project: Project, masters: readonly string[]): Promise<string[]> {
  try {
    const response = await fetch(`http://127.0.0.1:${project.adminPort}/state`, { signal: AbortSignal.timeout(1_000) });
    const state: BalancerState = JSON.parse(await response.text());
    const up = state.backends.filter(({ health }) => health === 'up').map(({ name }) => name);
    return up.filter((name) => masters.includes(name));
  } catch {
    return [];
  }
}

async function namesOfReadyNodes(client: Client, startedAt: ReadonlyMap<string, number>): Promise<string[]> {
  try {
    const [{ items }, leases] = await Promise.all([
      client.list('nodes'),
      client.list('leases', { namespace: 'kube-node-lease' }),
    ]);
    const beatAt = new Map(
      leases.items.map(({ metadata, spec }) => [metadata?.name, Date.parse(spec?.renewTime ?? '')]),
    );
    const lives = (name: string) => (beatAt.get(name) ?? 0) > (startedAt.get(name) ?? 0);
    return items
      .filter((node) => isReady(node) && lives(node.metadata?.name ?? ''))
      .map(({ metadata }) => metadata?.name ?? '');
  } catch {
    return [];
  }
}

/** When the container of each node was started, in ms since the epoch. */
async function containerStarts({ name }: Project): Promise<Map<string, number>> {
  const containers = nodes.map((node) => `${name}-${node}-1`);
  const lines = (await run('docker', ['inspect', '--format', '{{.State.StartedAt}}', ...containers]))
    .trim()
    .split('\n');
  return new Map(nodes.map((node, index) => [node, Date.parse(lines[index] ?? '')]));
}

function isReady(node: Node): boolean {
  return getCondition(node.status?.conditions, 'Ready')?.status === 'True';
}

async function complaint(project: Project, missing: readonly string[]): Promise<string> {
  const logs = await compose(project, ['logs', '--no-color', '--tail=5', ...missing]).catch(String);
  const lines = stripVTControlCharacters(logs)
    .split('\n')
    .map((line) => line.slice(0, longestLine));
  return `Not Ready in time: ${missing.join(', ')}. What they said last:\n${lines.join('\n')}\n(all of it: docker compose logs ${missing[0]})`;
}

/** Whether the kubeconfig is there and names the server that this project publishes. */
export function kubeconfigServes({ kubeconfig, port }: Project): boolean {
  try {
    return readFileSync(kubeconfig, 'utf8').includes(`https://127.0.0.1:${port}\n`);
  } catch {
    return false;
  }
}
