import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import test from 'ava';
import { type PolicyName, policyNames } from '../../../lb/core/choice.ts';
import { CheckError } from '../../../lb/health-check.ts';
import { bench, hello, makeCredentials, TestClient, TestMaster, tlsServe, until } from './support.ts';

const three = () => ['a', 'b', 'c'].map((name) => new TestMaster(name));

for (const policy of policyNames as PolicyName[]) {
  test(`${policy}: new connections are spread evenly over the masters that are up`, async (t) => {
    const masters = three();
    const { client, check, balancer } = await bench(t, masters, { policy });
    check.failing.set('b', 'unready');
    await until(() => balancer.snapshot().backends[1]?.health === 'down');
    for (let i = 0; i < 6; i++) await (await client()).ask('x');
    t.deepEqual(
      masters.map(({ accepted }) => accepted),
      [3, 0, 3],
    );
  });

  test(`${policy}: a master that refuses costs the client nothing`, async (t) => {
    const masters = three();
    const { client } = await bench(t, masters, { policy });
    await masters[0]?.kill();
    for (let i = 0; i < 3; i++) t.regex(await (await client()).ask('x'), /^[bc]:x$/);
  });

  test(`${policy}: a master that is gone without a word costs one hedge delay`, async (t) => {
    const { client, gone, balancer } = await bench(t, three(), { policy, connectTimeoutMs: 30_000, hedgeDelayMs: 20 });
    gone.add('a').add('b');
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await (await client()).ask('x'));
    t.deepEqual(answers, ['c:x', 'c:x', 'c:x']);
    t.regex(
      await balancer.metrics.registry.metrics(),
      /trimaster_lb_hedges_total\{backend="a",cause="connect"\} [1-9]/,
    );
  });

  test(`${policy}: a master that accepts and never answers loses its client's hello to another`, async (t) => {
    const masters = three();
    const { client, balancer } = await bench(t, masters, { policy, answerDelayMs: 20 });
    for (const master of masters.slice(0, 2)) master.mode = 'silent';
    for (let i = 0; i < 3; i++) t.true((await (await client()).ask(hello)).startsWith('c:'));
    t.is(balancer.snapshot().backends[2]?.connections, 3);
  });

  test(`${policy}: a master that resets or closes before its first answer is replaced with nothing lost`, async (t) => {
    const masters = three();
    const { client } = await bench(t, masters, { policy });
    for (const [index, mode] of (['rude', 'closing'] as const).entries()) {
      const master = masters[index];
      if (master !== undefined) master.mode = mode;
    }
    for (let i = 0; i < 3; i++) t.true((await (await client()).ask(hello)).startsWith('c:'));
  });

  test(`${policy}: with all masters gone a client waits no longer than the establish time-out`, async (t) => {
    const { client, gone } = await bench(t, three(), { policy, establishTimeoutMs: 300, connectTimeoutMs: 50 });
    for (const name of ['a', 'b', 'c']) gone.add(name);
    const waiting = await client();
    await waiting.closed;
    t.is(waiting.text, '');
  });
}

test('a whole TLS session goes through, also when the first master is paused', async (t) => {
  const credentials = await makeCredentials();
  const masters = ['a', 'b'].map((name) => new TestMaster(name, tlsServe(name, credentials)));
  const { port } = await bench(t, masters);
  if (masters[0] !== undefined) masters[0].mode = 'silent';
  for (let i = 0; i < 2; i++) {
    const socket = tlsConnect({ host: '127.0.0.1', port, ca: credentials.ca, servername: 'kubernetes' });
    const client = new TestClient(socket);
    t.is(await client.ask('hi'), 'b:hi');
    socket.destroy();
  }
});

test('bytes that are no TLS hello are sent to one master only', async (t) => {
  const masters = three();
  const { client, balancer } = await bench(t, masters, { answerDelayMs: 10 });
  for (const master of masters) master.mode = 'silent';
  (await client()).socket.write('POST / HTTP/1.1');
  // Tied to a master without an answer: nobody else can get the bytes any more.
  await until(() => balancer.snapshot().connections === 1 && balancer.snapshot().establishing === 0);
  t.is(
    masters.reduce((sum, { accepted }) => sum + accepted, 0),
    1,
  );
});

test('connections to a master that turns silent are closed at once, those to others stay', async (t) => {
  const masters = three();
  const { client, check, balancer } = await bench(t, masters);
  const clients = [await client(), await client(), await client()];
  const names = [];
  for (const one of clients) names.push((await one.ask('x'))[0]);
  check.failing.set('b', 'silent');
  await clients[names.indexOf('b')]?.closed;
  t.is(await clients[names.indexOf('a')]?.ask('y'), 'a:y');
  t.is(await clients[names.indexOf('c')]?.ask('y'), 'c:y');
  t.is(balancer.snapshot().backends[1]?.connections, 0);
});

test('a master that stops answering in the middle of a connection is checked without waiting for its turn', async (t) => {
  let reading = true;
  const mute = new TestMaster('a', (socket) => {
    socket.on('data', (bytes: Buffer) => (reading ? socket.write(bytes) : undefined));
    socket.resume();
  });
  const { client, check } = await bench(t, [mute], { checkIntervalMs: 3_600_000 });
  const waiting = await client();
  await waiting.ask('x');
  reading = false;
  check.failing.set('a', 'silent');
  waiting.socket.write('y');
  await waiting.closed;
  t.is(waiting.error?.code, 'ECONNRESET');
});

test('a client whose request a dying master leaves unanswered is not sent there again', async (t) => {
  const dying = new TestMaster('a', (socket) => {
    socket.on('data', (bytes: Buffer) => (bytes.toString() === 'last words' ? socket.end() : socket.write('a:x')));
    socket.resume();
  });
  const masters = [dying, new TestMaster('b')];
  const never = 3_600_000;
  const slow = {
    hedgeDelayMs: never,
    connectTimeoutMs: never,
    checkIntervalMs: never,
    checkTimeoutMs: never,
    suspectTimeoutMs: never,
  };
  const { client, check, gone } = await bench(t, masters, slow);
  const cut = await client();
  t.is(await cut.ask('x'), 'a:x');
  gone.add('a');
  check.failing.set('a', 'silent');
  const ended = once(cut.socket, 'end');
  cut.socket.write('last words');
  await ended;
  for (let i = 0; i < 3; i++) t.is(await (await client()).ask('x'), 'b:x');
});

test('connections to an unready master stay while no other is up, and are closed when one is', async (t) => {
  const masters = three();
  const { client, check, balancer } = await bench(t, masters);
  for (const name of ['a', 'b', 'c']) check.failing.set(name, 'unready');
  await until(() => balancer.snapshot().backends.every(({ health }) => health === 'down'));
  const only = await client();
  const name = (await only.ask('x'))[0] ?? '';
  t.regex(name, /[abc]/);
  const ended = once(only.socket, 'end');
  check.failing.delete(name === 'a' ? 'b' : 'a');
  await ended;
  t.regex(await (await client()).ask('x'), name === 'a' ? /^b/ : /^a/);
});

test('a client of a master that is shutting down gets its answer before its connection ends', async (t) => {
  let answer = (): void => {};
  const leaving = new TestMaster('a', (socket) => {
    socket.on('data', (bytes: Buffer) => {
      answer = () => socket.write('a:late');
      if (bytes.toString() !== 'slow') socket.write('a:x');
    });
    socket.on('end', () => socket.end());
    socket.resume();
  });
  const { client, check, balancer } = await bench(t, [leaving, new TestMaster('b')]);
  const isOf = async (wanted: string) => {
    for (;;) {
      const one = await client();
      if ((await one.ask('x')).startsWith(wanted)) return one;
    }
  };
  const [waiting, quiet] = [await isOf('a'), await isOf('a')];
  waiting.socket.write('slow');
  await until(() => waiting.text === 'a:x' && leaving.sockets.size >= 2);
  check.failing.set('a', 'unready');
  const ended = once(quiet.socket, 'end');
  await until(() => balancer.snapshot().backends[0]?.health === 'down');
  await ended;
  t.false(waiting.socket.readableEnded);
  const over = once(waiting.socket, 'end');
  answer();
  await over;
  t.is(waiting.text, 'a:xa:late');
  t.is(waiting.error, undefined);
});

test('a master that comes back is used again, also at another address', async (t) => {
  const [a, b] = [new TestMaster('a'), new TestMaster('b')];
  const { client, balancer, check } = await bench(t, [a, b]);
  check.failing.set('a', 'refused');
  await a.kill();
  await until(() => balancer.snapshot().backends[0]?.health === 'down');
  t.is(await (await client()).ask('x'), 'b:x');
  const again = new TestMaster('a');
  t.teardown(() => again.kill());
  balancer.setBackends([await again.start(), b.address]);
  check.failing.delete('a');
  await until(() => balancer.snapshot().backends[0]?.health === 'up');
  const answers = [await (await client()).ask('x'), await (await client()).ask('x')];
  t.deepEqual(answers.toSorted(), ['a:x', 'b:x']);
});

test('a draining backend gets no new connections and keeps its old ones', async (t) => {
  const masters = three();
  const { client, balancer } = await bench(t, masters);
  const old = await client();
  const name = (await old.ask('x'))[0] ?? '';
  balancer.setDraining(name, true);
  for (let i = 0; i < 4; i++) t.not((await (await client()).ask('x'))[0], name);
  t.is(await old.ask('y'), `${name}:y`);
});

test('told to stop, it refuses new clients and lets the open ones finish', async (t) => {
  const { client, balancer, stop, port } = await bench(t, three(), { drainMs: 30_000 });
  const open = await client();
  await open.ask('x');
  stop();
  const refused = await t.throwsAsync(TestClient.connect(port));
  t.is((refused as NodeJS.ErrnoException | undefined)?.code, 'ECONNREFUSED');
  t.regex(await open.ask('y'), /:y$/);
  t.is(balancer.snapshot().status, 'draining');
  open.socket.end();
  await balancer.closed;
  t.is(balancer.snapshot().status, 'stopped');
});

test('told to stop, it closes what is left when the drain time is over', async (t) => {
  const { client, balancer, stop } = await bench(t, three(), { drainMs: 20 });
  const open = await client();
  await open.ask('x');
  stop();
  await Promise.all([open.closed, balancer.closed]);
  t.is(balancer.snapshot().connections, 0);
});

test('a client that leaves takes its connection to the master along', async (t) => {
  const masters = three();
  const { client, balancer } = await bench(t, masters);
  const leaving = await client();
  await leaving.ask('x');
  leaving.socket.destroy();
  await until(() => masters.every(({ sockets }) => sockets.size === 0));
  await until(() => balancer.snapshot().connections === 0);
  t.true(balancer.snapshot().backends.every(({ connections }) => connections === 0));
});

test('a client that has as many connections as one may have is turned away, until it closes one', async (t) => {
  const { client, balancer } = await bench(t, three(), { maxConnectionsPerClient: 2 });
  const [first, second] = [await client(), await client()];
  await first.ask('x');
  await second.ask('x');
  // Its connection may be gone before it knows that it had one.
  await client().then(
    ({ closed }) => closed,
    () => {},
  );
  t.is(balancer.snapshot().connections, 2);
  first.socket.destroy();
  await until(() => balancer.snapshot().connections === 1);
  t.regex(await (await client()).ask('x'), /:x$/);
  t.regex(await balancer.metrics.registry.metrics(), /trimaster_lb_connections_rejected_total 1/);
});

test('when all masters are slow, only some of the hellos are sent a second time', async (t) => {
  const masters = ['a', 'b'].map((name) => new TestMaster(name));
  const { client, balancer } = await bench(t, masters, {
    answerDelayMs: 20,
    hedgeDelayMs: 30_000,
    connectTimeoutMs: 30_000,
  });
  for (const master of masters) master.mode = 'silent';
  const clients = await Promise.all(Array.from({ length: 40 }, () => client()));
  for (const { socket } of clients) socket.write(hello);
  const accepted = () => masters.reduce((sum, master) => sum + master.accepted, 0);
  const refused = async () =>
    /hedges_refused_total\{[^}]*cause="answer"\} [1-9]/.test(await balancer.metrics.registry.metrics());
  while (accepted() < 50 || !(await refused())) await setTimeout(1);
  t.is(accepted(), 50);
});

test('a master that is silent to all its clients is found without waiting for a whole check', async (t) => {
  const mute = new TestMaster('a', (socket) => {
    socket.once('data', (bytes: Buffer) => socket.write(bytes));
    socket.resume();
  });
  const asked: number[] = [];
  const { client } = await bench(t, [mute, new TestMaster('b')], {
    checkIntervalMs: 3_600_000,
    checkTimeoutMs: 60_000,
    suspectTimeoutMs: 100,
    check: {
      check: async (backend, { timeoutMs, signal }) => {
        if (backend.name !== 'a' || asked.push(timeoutMs) === 1) return;
        await setTimeout(timeoutMs, undefined, { signal });
        throw new CheckError('silent', 'made to be silent');
      },
      close: () => {},
    },
  });
  const clients = [await client(), await client()];
  const names = await Promise.all(clients.map(async (one) => (await one.ask('x'))[0]));
  const waiting = clients[names.indexOf('x')];
  waiting?.socket.write('y');
  await waiting?.closed;
  t.is(waiting?.error?.code, 'ECONNRESET');
  t.deepEqual(asked.slice(-2), [100, 50]);
});

test('a master that leaves a request unanswered is looked at again and again while it does', async (t) => {
  const mute = new TestMaster('a', (socket) => {
    socket.on('data', (bytes: Buffer) => (bytes.toString() === 'y' ? undefined : socket.write('x')));
    socket.resume();
  });
  let isReady = true;
  let looks = 0;
  const { client } = await bench(t, [mute, new TestMaster('b')], {
    checkIntervalMs: 3_600_000,
    check: {
      check: async ({ name }) => {
        if (name !== 'a') return;
        looks += 1;
        if (!isReady) throw new CheckError('unready', 'etcd does not answer');
      },
      close: () => {},
    },
  });
  const clients = [await client(), await client()];
  const names = await Promise.all(clients.map(async (one) => (await one.ask('x'))[0]));
  const waiting = clients[names.indexOf('x')];
  const before = looks;
  waiting?.socket.write('y');
  await until(() => looks > before);
  isReady = false;
  await waiting?.closed;
  t.is(waiting?.error?.code, 'ECONNRESET');
});

test('a client that has just connected to a master that is shutting down may still ask it', async (t) => {
  const { client, check, balancer } = await bench(t, [new TestMaster('a'), new TestMaster('b')]);
  for (;;) {
    await until(() => balancer.snapshot().backends.every(({ health }) => health === 'up'));
    const connectedAt = performance.now();
    const one = await client();
    const name = (await one.ask('hello'))[0] ?? '';
    check.failing.set(name, 'unready');
    await until(() => balancer.snapshot().backends.some(({ health }) => health === 'down'));
    check.failing.clear();
    const ended = once(one.socket, 'end').then(() => 'none');
    const answer = one.socket.readableEnded ? 'none' : await Promise.race([one.ask('x').catch(() => 'none'), ended]);
    // On a machine that was held up the client is not new any more: again.
    if (answer === 'none' && performance.now() - connectedAt > 250) continue;
    t.is(answer, `${name}:x`);
    break;
  }
});

test('a quiet connection is moved to a master that has come back, one that is in use is not', async (t) => {
  const masters = ['a', 'b'].map((name) => new TestMaster(name));
  const { client, balancer, check } = await bench(t, masters, { rebalanceMs: 50, policy: 'least-connections' });
  check.failing.set('b', 'unready');
  await until(() => balancer.snapshot().backends[1]?.health === 'down');
  const clients = [];
  for (let i = 0; i < 4; i++) {
    const one = await client();
    await one.ask('x');
    clients.push(one);
  }
  const [busy, ...quiet] = clients;
  check.failing.delete('b');
  const talk = setInterval(() => busy?.socket.write('z'), 100);
  t.teardown(() => clearInterval(talk));
  // It takes five seconds without a byte until a connection counts as quiet.
  await Promise.race(quiet.map(({ socket }) => once(socket, 'end')));
  await until(() => balancer.snapshot().connections <= 3);
  const moved = quiet.find(({ socket }) => socket.readableEnded);
  t.is(moved?.error, undefined);
  t.is(await (await client()).ask('x'), 'b:x');
  t.false(busy?.socket.destroyed ?? true);
});

test('with the PROXY protocol a master is told who the client is before it gets the hello', async (t) => {
  const master = new TestMaster('a');
  const { client } = await bench(t, [master], { proxyProtocol: 'v1' });
  const one = await client();
  const { localPort, remotePort } = one.socket;
  await one.ask('x');
  await until(() => one.text.endsWith('x'));
  t.is(one.text.replaceAll('a:', ''), `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${remotePort}\r\nx`);
});

if (process.platform === 'linux') {
  test('both sides of a quiet connection are probed after two seconds', async (t) => {
    const { client, port } = await bench(t, [new TestMaster('a')], { dial: undefined });
    await (await client()).ask('x');
    // proc(5), net/tcp: local and remote address, state, queues, then the timer (02: keepalive) and when, in jiffies.
    const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
    const hex = (n: number) => n.toString(16).toUpperCase().padStart(4, '0');
    const own = rows.map((row) => row.trim().split(/\s+/)).filter(([, local]) => local?.endsWith(`:${hex(port)}`));
    const timers = own.filter(([, , , state]) => state === '01').map(([, , , , , timer]) => timer ?? '');
    t.is(timers.length, 1);
    t.regex(timers[0] ?? '', /^02:/);
    t.true(Number.parseInt(timers[0]?.slice(3) ?? '', 16) <= 200);
  });
}
