import type { RequestListener } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import test, { type ExecutionContext } from 'ava';
import type { BackendAddress } from '../../../lb/core/pool-state.ts';
import { CheckError, createTlsCheck, type TlsCheckOptions } from '../../../lb/health-check.ts';
import { Resolver } from '../../../lb/resolver.ts';
import { makeCredentials, TestMaster } from './support.ts';

const credentials = await makeCredentials();
const others = await makeCredentials('elsewhere');

async function master(
  t: ExecutionContext,
  listener: RequestListener,
  options: ServerOptions = credentials,
): Promise<BackendAddress> {
  const server = createServer({ cert: options.cert, key: options.key }, listener);
  // The TLS server takes the connections of a plain one, which can be closed whole.
  const front = new TestMaster('m', (socket) => server.emit('connection', socket));
  t.teardown(() => front.kill());
  return front.start();
}

function checker(t: ExecutionContext, overrides: Partial<TlsCheckOptions> = {}) {
  const check = createTlsCheck({
    path: '/readyz',
    serverName: 'kubernetes',
    ca: credentials.ca,
    resolver: new Resolver(),
    ...overrides,
  });
  t.teardown(() => check.close());
  const ask = (backend: BackendAddress, fresh = false, timeoutMs = 5_000, signal = new AbortController().signal) =>
    check.check(backend, { fresh, timeoutMs, signal });
  return { ask };
}

async function failureOf(t: ExecutionContext, result: Promise<void>): Promise<CheckError> {
  const error = await t.throwsAsync(result, { instanceOf: CheckError });
  if (!(error instanceof CheckError)) throw new Error('unreachable');
  return error;
}

test('a master that answers 200 passes, asked by path, host name and without credentials', async (t) => {
  const asked: unknown[] = [];
  const backend = await master(t, (request, response) => {
    asked.push([request.method, request.url, request.headers.host, request.headers.authorization]);
    response.end('ok');
  });
  await checker(t).ask(backend);
  t.deepEqual(asked, [['GET', '/readyz', 'kubernetes', undefined]]);
});

test('one connection serves many checks; a fresh check makes a new one', async (t) => {
  const ports = new Set<number | undefined>();
  const backend = await master(t, (request, response) => {
    ports.add(request.socket.remotePort);
    response.end('ok');
  });
  const { ask } = checker(t);
  for (let i = 0; i < 3; i++) await ask(backend);
  t.is(ports.size, 1);
  await ask(backend, true);
  t.is(ports.size, 2);
});

test('a master that is not ready fails as unready, and the failed part is named', async (t) => {
  const backend = await master(t, (_, response) => {
    response.statusCode = 500;
    response.end('[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n');
  });
  const error = await failureOf(t, checker(t).ask(backend));
  t.is(error.failure, 'unready');
  t.is(error.message, '/readyz answered 500: [-]etcd failed: reason withheld');
});

test('a certificate of another CA or for another name fails as broken', async (t) => {
  const backend = await master(t, (_, response) => response.end('ok'));
  t.is((await failureOf(t, checker(t, { ca: others.ca }).ask(backend))).failure, 'broken');
  t.is((await failureOf(t, checker(t, { serverName: 'elsewhere' }).ask(backend))).failure, 'broken');
});

test('without a CA the certificate is not verified', async (t) => {
  const backend = await master(t, (_, response) => response.end('ok'), others);
  await t.notThrowsAsync(checker(t, { ca: undefined }).ask(backend));
});

test('no answer in time fails as silent: before TLS, and after it', async (t) => {
  const silent = new TestMaster('silent');
  silent.mode = 'silent';
  t.teardown(() => silent.kill());
  const { ask } = checker(t);
  t.is((await failureOf(t, ask(await silent.start(), true, 50))).failure, 'silent');
  const mute = await master(t, () => {});
  t.is((await failureOf(t, ask(mute, true, 100))).failure, 'silent');
});

test('nobody listening, and no such name, fail as refused', async (t) => {
  const gone = new TestMaster('gone');
  const address = await gone.start();
  await gone.kill();
  const { ask } = checker(t);
  t.is((await failureOf(t, ask(address))).failure, 'refused');
  const nowhere = new Resolver(() => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })));
  const unresolved = checker(t, { resolver: nowhere });
  t.is((await failureOf(t, unresolved.ask({ ...address, host: 'master-9' }))).failure, 'refused');
});

test('a master that resets fails as broken', async (t) => {
  const rude = new TestMaster('rude');
  rude.mode = 'rude';
  t.teardown(() => rude.kill());
  t.is((await failureOf(t, checker(t).ask(await rude.start()))).failure, 'broken');
});

test('a master that expects a header before the hello gets it from checks too', async (t) => {
  const header = Buffer.from('PROXY UNKNOWN\r\n');
  const server = createServer(credentials, (_, response) => response.end('ok'));
  let got = '';
  const master = new TestMaster('m', (socket) => {
    socket.once('readable', () => {
      got = String(socket.read(header.length));
      server.emit('connection', socket);
    });
  });
  t.teardown(() => master.kill());
  const { ask } = checker(t, { header });
  const address = await master.start();
  await ask(address);
  await ask(address, true);
  t.is(got, header.toString());
  await master.kill();
  t.is((await failureOf(t, ask(address, true))).failure, 'refused');
});

test('a check that is cancelled ends at once', async (t) => {
  const silent = new TestMaster('silent');
  silent.mode = 'silent';
  t.teardown(() => silent.kill());
  const controller = new AbortController();
  const asked = checker(t).ask(await silent.start(), true, 60_000, controller.signal);
  controller.abort();
  await t.throwsAsync(asked);
});
