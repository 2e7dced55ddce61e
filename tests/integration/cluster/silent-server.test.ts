/** API servers that are silent, not dead: paused, they keep every connection open. Clients must not wait for them. */
import { join } from 'node:path';
import test from 'ava';
import { ApiUnreachable, Client } from '../../../master/api/client.ts';
import { loadKubeconfig } from '../../../master/api/config.ts';
import { EventRecorder } from '../../../master/api/events.ts';
import { Informer } from '../../../master/api/informer.ts';
import { kinds } from '../../../master/api/kinds.ts';
import { createLogger } from '../../../master/api/logging.ts';
import { LeaseRelease } from '../../../master/lease-release.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { pause } from '../../support/paused.ts';
import { within } from '../../support/within.ts';

const namespace = 'default';
let apis: TestApiServers;
/** Asks the second server only. */
let witness: Client;
/** Asks the first server only. */
let first: Client;

test.before(async () => {
  apis = await startApiServers({ count: 2 });
  const config = loadKubeconfig(apis.first.kubeconfig);
  witness = new Client({ ...config, servers: [apis.servers[1]?.url ?? ''] });
  first = new Client({ ...config, servers: [apis.servers[0]?.url ?? ''] });
});

// A server that was just woken up may still be getting over it; each test begins with one that serves.
test.beforeEach(async () => {
  await within(15, () => first.list('configmaps', { namespace }), Boolean);
});

test.after.always(async () => {
  await witness?.close();
  await first?.close();
  await apis?.stop();
});

const newClient = (): Client =>
  new Client({ ...loadKubeconfig(apis.first.kubeconfig), servers: apis.servers.map(({ url }) => url) });

test.serial('a watch on a paused server goes on at another one, and nothing is missed', async (t) => {
  const client = newClient();
  t.teardown(() => client.close());
  const ending = new AbortController();
  const informer = new Informer(client, 'configmaps', { namespace });
  const running = informer.run(ending.signal);
  await informer.synced;
  await witness.create('configmaps', { metadata: { namespace, name: 'before' } });
  await within(5, () => informer.get('default/before'), Boolean);
  await pause(apis.first.pid);
  t.teardown(() => apis.first.signal('SIGCONT'));
  for (const name of ['during-1', 'during-2']) await witness.create('configmaps', { metadata: { namespace, name } });
  await within(6, () => informer.get('default/during-2'), Boolean);
  t.truthy(informer.get('default/during-1'));
  apis.first.signal('SIGCONT');
  await witness.create('configmaps', { metadata: { namespace, name: 'after' } });
  await within(5, () => informer.get('default/after'), Boolean);
  ending.abort();
  await running;
});

test.serial(
  'requests to a paused server: reads are answered by another one, writes are done there or say that they may have happened',
  async (t) => {
    const client = newClient();
    t.teardown(() => client.close());
    await client.create('configmaps', { metadata: { namespace, name: 'read' } });
    await pause(apis.first.pid);
    t.teardown(() => apis.first.signal('SIGCONT'));
    // On a connection that was open it may have arrived; where a new one was needed it certainly did not, and goes elsewhere.
    const write = client.create('configmaps', { metadata: { namespace, name: 'unknown' } });
    const error: unknown = await write.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error === undefined) t.truthy(await witness.get('configmaps', { namespace, name: 'unknown' }));
    else t.true(error instanceof ApiUnreachable && error.maybeApplied, String(error));
    t.is((await client.get('configmaps', { namespace, name: 'read' })).metadata?.name, 'read');
    await client.create('configmaps', { metadata: { namespace, name: 'elsewhere' } });
    t.truthy(await witness.get('configmaps', { namespace, name: 'elsewhere' }));
  },
);

test.serial('a write that compares what it replaces is sent to the next server at once', async (t) => {
  const client = newClient();
  t.teardown(() => client.close());
  const made = await client.create('configmaps', { metadata: { namespace, name: 'compared' } });
  await pause(apis.first.pid);
  t.teardown(() => apis.first.signal('SIGCONT'));
  await client.update('configmaps', { ...made, data: { a: '1' } }, { timeoutMs: 300, repeatable: true });
  t.deepEqual((await witness.get('configmaps', { namespace, name: 'compared' })).data, { a: '1' });
});

test.serial('what waits at a paused server ends as soon as the server is known to be silent', async (t) => {
  const client = newClient();
  t.teardown(() => client.close());
  // Two connections that are open when the server falls silent; whatever more is needed is never made.
  await Promise.all([1, 2].map(() => client.list('configmaps', { namespace })));
  await pause(apis.first.pid);
  t.teardown(() => apis.first.signal('SIGCONT'));
  const names = ['waits-1', 'waits-2', 'waits-3', 'waits-4'];
  const written = await Promise.allSettled(
    names.map((name) => client.create('configmaps', { metadata: { namespace, name } })),
  );
  const lost = written.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  t.true(lost.length <= 2, 'what was never sent is done elsewhere');
  for (const error of lost) t.regex(String(error), /is silent/);
});

test.serial("a crashed process's lease is released through another server than the silent one", async (t) => {
  const lease = { namespace: 'kube-system', name: 'kube-scheduler' };
  await witness.create('leases', {
    metadata: lease,
    spec: { holderIdentity: 'master-1_crashed', leaseTransitions: 3 },
  });
  const release = new LeaseRelease({
    kubeconfig: join(apis.dir, 'master-1/scheduler.conf'),
    servers: () => apis.servers.map(({ url }) => url),
    lease: lease.name,
    master: 'master-1',
  });
  await pause(apis.first.pid);
  t.teardown(() => apis.first.signal('SIGCONT'));
  const ended = new AbortController();
  t.deepEqual(await release.release(ended.signal), { lease: lease.name, released: 'master-1_crashed' });
  const { spec } = await witness.get('leases', lease);
  t.like(spec, { holderIdentity: '', leaseTransitions: 3 });
  t.is(await release.release(ended.signal), undefined, 'nobody holds it any more');
});

test.serial('an event that did not get through is told once the server answers, once', async (t) => {
  const client = new Client(
    { ...loadKubeconfig(apis.first.kubeconfig), servers: [apis.servers[0]?.url ?? ''] },
    { timeoutMs: 300 },
  );
  t.teardown(() => client.close());
  const recorder = new EventRecorder(client, { component: 'test' }, createLogger('test'));
  const about = { metadata: { namespace, name: 'somebody' } };
  await pause(apis.first.pid);
  t.teardown(() => apis.first.signal('SIGCONT'));
  recorder.event(about, kinds.pods, 'Normal', 'Told', 'while nobody listens');
  // The first try is over when the client has given up on another request that was sent after it.
  await t.throwsAsync(client.create('configmaps', { metadata: { namespace, name: 'lost' } }), {
    instanceOf: ApiUnreachable,
  });
  apis.first.signal('SIGCONT');
  const events = async () =>
    (await witness.list('events', { namespace })).items.filter(({ reason }) => reason === 'Told');
  await within(30, events, ({ length }) => length > 0);
  recorder.event(about, kinds.pods, 'Normal', 'Told', 'while nobody listens');
  const told = await within(30, events, (items) => items.some(({ count }) => count === 2));
  t.is(told.length, 1);
});
