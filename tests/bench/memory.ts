/**
 * `npm run bench:memory`: how much memory an API server needs that holds 10,000 pods and 5,000 ConfigMaps with 500 open watches,
 * over one etcd member. Prints its resident size at each step, and exits with 1 when the last one is over the bound.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ensureInstalled } from '../../compose/install.ts';
import { createProgress } from '../../compose/progress.ts';
import { command } from '../../master/api/flags.ts';
import { ApiClient } from '../support/api-client.ts';
import { startApiServers } from '../support/apiserver.ts';
import { startEtcd } from '../support/etcd.ts';
import { inParallel } from '../support/in-parallel.ts';
import { memoryBytes } from './measure.ts';

const flags = command('npm run bench:memory --', 'Measures the memory of an API server that holds many objects.')
  .option('--pods <count>', 'how many', Number, 10_000)
  .option('--config-maps <count>', 'how many', Number, 5_000)
  .option('--watches <count>', 'how many are open', Number, 500)
  .option('--with-state', 'watches begin with the whole state, all at once, instead of going on from a list')
  .option('--bound <MiB>', 'what the last size may be', Number, 400)
  .parse()
  .opts<{ pods: number; configMaps: number; watches: number; withState?: boolean; bound: number }>();

const namespaces = 10;
const connections = 32;

/** As masters start theirs (master/processes.ts). */
Object.assign(process.env, { NODE_OPTIONS: '--max-semi-space-size=16', MALLOC_ARENA_MAX: '1' });

await ensureInstalled(['etcd'], createProgress({ output: process.stdout }));
const etcd = await startEtcd();
const api = await startApiServers({ etcd: etcd.endpoints });
const client = new ApiClient(api.first.kubeconfig, { connections, timeoutMs: 60_000 });
const watching = new ApiClient(api.first.kubeconfig, { connections: flags.watches, timeoutMs: 60_000 });
const stop = new AbortController();
let events = 0;
try {
  tell('at its start');
  for (let index = 0; index < namespaces; index += 1) {
    await client.json('POST', '/api/v1/namespaces', { metadata: { name: `n-${index}` } });
    await client.json('POST', `/api/v1/namespaces/n-${index}/serviceaccounts`, { metadata: { name: 'default' } });
  }
  await create(flags.configMaps, 'configmaps', (name) => ({ metadata: { name }, data: { text: 'x'.repeat(600) } }));
  await create(flags.pods, 'pods', pod);
  tell(`with ${flags.pods} pods and ${flags.configMaps} ConfigMaps`);

  const paths = Array.from({ length: flags.watches }, (_, index) =>
    index % 2 === 0 ? `/api/v1/namespaces/n-${index % namespaces}/configmaps` : `/api/v1/pods`,
  );
  const { metadata } = await client.json<{ metadata: { resourceVersion: string } }>('GET', '/api/v1/namespaces');
  const from = flags.withState ? '0' : metadata.resourceVersion;
  const readers = paths.map((path) => follow(`${path}?watch=1&allowWatchBookmarks=true&resourceVersion=${from}`));
  await settled();
  tell(`and ${flags.watches} watches (${events} events)`);
  await inParallel(
    Array.from({ length: 500 }, (_, index) => index),
    connections,
    (index) =>
      client.json(
        'PATCH',
        objectPath('pods', index),
        { metadata: { labels: { turn: 'x' } } },
        'application/merge-patch+json',
      ),
  );
  await settled();
  const last = tell('after 500 changes of pods, which half of the watches saw');
  stop.abort();
  await Promise.all(readers);
  process.exitCode = last > flags.bound ? 1 : 0;
} finally {
  await Promise.all([client.close(), watching.close()]);
  await api.stop();
  await etcd.stop();
}

function tell(when: string): number {
  const size = memoryBytes(api.first.pid) / 2 ** 20;
  console.log(`${size.toFixed(0).padStart(5)} MiB ${when}`);
  return size;
}

async function create(count: number, resource: string, object: (name: string) => object): Promise<void> {
  const all = Array.from({ length: count }, (_, index) => index);
  await inParallel(all, connections, (index) =>
    client.json('POST', `/api/v1/namespaces/n-${index % namespaces}/${resource}`, object(`o-${index}`)),
  );
}

function objectPath(resource: string, index: number): string {
  return `/api/v1/namespaces/n-${index % namespaces}/${resource}/o-${index}`;
}

/** Reads a watch to its end, and keeps nothing of it. */
async function follow(path: string): Promise<void> {
  try {
    for await (const _ of watching.watch(path, stop.signal)) events += 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}

/** Resolves when the watches have had nothing new for a while. */
async function settled(): Promise<void> {
  for (let before = -1; before !== events; ) {
    before = events;
    await delay(3_000);
  }
}

function pod(name: string): object {
  const container = {
    name: 'main',
    image: 'registry.example/app:1.2.3',
    env: [{ name: 'MODE', value: 'production' }],
    ports: [{ name: 'http', containerPort: 8080 }],
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 5 },
  };
  return {
    metadata: { name, labels: { app: 'app', part: name.slice(-1) } },
    spec: { nodeName: `node-${name.slice(-2)}`, containers: [container] },
  };
}
