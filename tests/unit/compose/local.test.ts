import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { GroupHandle } from '../../../compose/local/handle.ts';
import { chooseMasterPorts, choosePorts, layout } from '../../../compose/local/ports.ts';
import { Watchdog } from '../../../compose/local/watchdog.ts';

const dir = mkdtempSync(join(tmpdir(), 'local-'));

/** A process with a child, both of which only wait. */
function waiting(name: string, watchdog: Watchdog): GroupHandle {
  const code =
    "require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' }); setInterval(() => {}, 1000)";
  return new GroupHandle({ name, args: ['-e', code], env: {}, logFile: join(dir, `${name}.log`) }, watchdog);
}

const members = (group: number): string => spawnSync('pgrep', ['-g', String(group)], { encoding: 'utf8' }).stdout;

test('no two processes of a local cluster share a port', (t) => {
  const { masters, nodes, ...rest } = layout({ masters: 3, nodes: 2 }, 17_000);
  const all = [...Object.values(rest), ...[...masters, ...nodes].flatMap((each) => Object.values({ ...each }))];
  t.is(new Set(all).size, all.length);
});

test('masters with data keep their ports, and no one else gets them', async (t) => {
  const before = layout({ masters: 3, nodes: 2 }, 17_000);
  const added = await chooseMasterPorts(before);
  const kept = [...before.masters.slice(1), added];
  const { masters, nodes, ...rest } = layout({ masters: 3, kept, nodes: 2 }, 17_000);
  t.deepEqual(masters, kept);
  const all = [...Object.values(rest), ...[...masters, ...nodes].flatMap((each) => Object.values({ ...each }))];
  t.is(new Set(all).size, all.length);
});

test('a port that is in use is named', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await t.throwsAsync(choosePorts({ masters: 1, nodes: 0, port }), { message: new RegExp(`port ${port} .*in use`) });
});

test('without a wish, a free block of ports is found', async (t) => {
  const ports = await choosePorts({ masters: 1, nodes: 1 });
  t.true(ports.balancer >= 20_000 && ports.balancer < 30_000);
});

test('killing a handle ends the process and its children at once', async (t) => {
  const watchdog = new Watchdog();
  t.teardown(() => watchdog.close());
  const handle = waiting('a', watchdog);
  handle.start();
  const group = handle.pid ?? 0;
  t.true(group > 0);
  t.throws(() => handle.start(), { message: /running already/ });
  handle.kill();
  await handle.exited;
  t.is(handle.pid, undefined);
  t.is(members(group).trim(), '');
  handle.start();
  t.not(handle.pid, undefined);
  await handle.stop();
});

test('what a killed process leaves behind ends too, as with a machine', async (t) => {
  const watchdog = new Watchdog();
  t.teardown(() => watchdog.close());
  const handle = waiting('c', watchdog);
  handle.start();
  const group = handle.pid ?? 0;
  process.kill(group, 'SIGKILL');
  await handle.exited;
  t.is(members(group).trim(), '');
});

test('what is still running ends with the watchdog', async (t) => {
  const watchdog = new Watchdog();
  const handle = waiting('b', watchdog);
  handle.start();
  watchdog.close();
  await handle.exited;
  t.is(handle.pid, undefined);
});
