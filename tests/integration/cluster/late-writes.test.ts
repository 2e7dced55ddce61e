/**
 * Leaders that do not know that their time is over: paused, or cut off, and writing on when they wake up or the network heals. Their
 * process is real, its election is the product's, and its work is as stubborn as can be.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { startEtcd, type TestEtcd } from '../../support/etcd.ts';
import { pause } from '../../support/paused.ts';
import { TcpLink } from '../../support/tcp-link.ts';
import { within } from '../../support/within.ts';

let etcd: TestEtcd;
let apis: TestApiServers;
let api: ApiClient;

test.before(async () => {
  etcd = await startEtcd();
  apis = await startApiServers({ etcd: etcd.endpoints, count: 2 });
  api = new ApiClient(apis.first.kubeconfig);
  await api.json('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: 'register' } });
});

test.after.always(async () => {
  await api?.close();
  await apis?.stop();
  await etcd?.stop();
});

interface Said {
  readonly event: 'leads' | 'ended';
  readonly generation: number;
  readonly accepted?: number;
  readonly refused?: number;
}

class StubbornLeader {
  readonly child: ChildProcess;
  readonly said: Said[] = [];

  constructor(identity: string, servers = apis.servers.map(({ url }) => url)) {
    const main = join(import.meta.dirname, '../../support/stubborn-leader.ts');
    this.child = spawn(process.execPath, [main, apis.first.kubeconfig, servers.join(','), identity], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (!this.child.stdout) throw new Error('no output of the leader');
    createInterface(this.child.stdout).on('line', (line) => this.said.push(JSON.parse(line)));
  }

  /** The newest of its terms that began, or ended; there is one. */
  async until(event: Said['event'], after = 0): Promise<Said> {
    const found = await within(
      15,
      () => this.said.find((said) => said.event === event && said.generation > after),
      (said) => said !== undefined,
    );
    if (!found) throw new Error(`no ${event}`);
    return found;
  }
}

async function register(): Promise<Record<string, string>> {
  const { data = {} } = await api.json<{ data?: Record<string, string> }>(
    'GET',
    '/api/v1/namespaces/default/configmaps/register',
  );
  return data;
}

/** Over all API servers. */
async function refusedWrites(): Promise<number> {
  const counts = apis.servers.map(async ({ kubeconfig }) => {
    const client = new ApiClient(kubeconfig);
    const { text } = await client.send('GET', '/metrics');
    await client.close();
    return Number(
      /^trimaster_fenced_writes_total\{lease="kube-system\/stubborn",outcome="refused"\} (\d+)/m.exec(text)?.[1] ?? 0,
    );
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

test.serial(
  'a paused leader wakes up: its late writes are refused and counted, and it stands by without a restart',
  async (t) => {
    const first = new StubbornLeader('first');
    t.teardown(() => first.child.kill('SIGKILL'));
    const { generation } = await first.until('leads');
    const second = new StubbornLeader('second');
    t.teardown(() => second.child.kill('SIGKILL'));
    await within(10, register, (data) => Number(data[`generation-${generation}`]) > 5);
    await pause(first.child.pid);
    const next = await second.until('leads');
    t.is(next.generation, generation + 1);
    await within(10, register, (data) => Number(data[`generation-${next.generation}`]) > 5);
    const [before, refusedBefore] = [(await register())[`generation-${generation}`], await refusedWrites()];
    first.child.kill('SIGCONT');
    const ended = await first.until('ended');
    t.true((ended.refused ?? 0) > 0, 'it tried nothing: this proves nothing');
    t.is((await register())[`generation-${generation}`], before);
    t.true((await refusedWrites()) - refusedBefore >= (ended.refused ?? 0));
    t.is(second.said.length, 1, 'the new leader was disturbed');

    second.child.kill('SIGTERM');
    const again = await first.until('leads', next.generation);
    t.is(again.generation, next.generation + 1);
    first.child.kill('SIGTERM');
    await first.until('ended', next.generation);
  },
);

test.serial(
  'a leader that is cut off has lost its lead: what it sent meanwhile arrives and changes nothing',
  async (t) => {
    const links = await Promise.all(apis.servers.map(({ port }) => TcpLink.to(port)));
    t.teardown(() => {
      for (const link of links) link.close();
    });
    const first = new StubbornLeader(
      'cut-off',
      links.map(({ url }) => url),
    );
    t.teardown(() => first.child.kill('SIGKILL'));
    const { generation } = await first.until('leads');
    const second = new StubbornLeader('connected');
    t.teardown(() => second.child.kill('SIGKILL'));
    await within(10, register, (data) => Number(data[`generation-${generation}`]) > 5);
    for (const link of links) link.cut();
    const next = await second.until('leads');
    t.is(next.generation, generation + 1);
    const before = (await register())[`generation-${generation}`];
    for (const link of links) link.heal();
    await first.until('ended');
    t.is((await register())[`generation-${generation}`], before);

    // Back among the others, it is a standby that takes over.
    second.child.kill('SIGTERM');
    const again = await first.until('leads', next.generation);
    t.is(again.generation, next.generation + 1);
  },
);
