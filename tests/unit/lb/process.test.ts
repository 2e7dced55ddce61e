import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { startAdmin } from '../../../lb/admin.ts';
import { freePort } from '../../support/ports.ts';
import { bench, TestClient, TestMaster, until } from './support.ts';

interface Line {
  readonly msg: string;
  readonly port?: number;
}

function start(t: ExecutionContext, ...argv: string[]): { child: ChildProcess; line(msg: string): Promise<Line> } {
  const main = fileURLToPath(new URL('../../../lb/main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: Line[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => lines.push(JSON.parse(text)));
  return {
    child,
    line: async (msg) => {
      // A process takes its time to start where all processors are busy.
      await until(() => lines.some((one) => one.msg === msg), 60_000);
      const found = lines.find((one) => one.msg === msg);
      if (found === undefined) throw new Error('unreachable');
      return found;
    },
  };
}

test('on SIGTERM the process drains and exits with 0', async (t) => {
  const master = new TestMaster('a');
  t.teardown(() => master.kill());
  const { port } = await master.start();
  const { child, line } = start(t, '--listen', '127.0.0.1:0', '--backend', `a=127.0.0.1:${port}`, '--admin', 'off');
  const listening = await line('listening');
  const client = await TestClient.connect(listening.port ?? 0);
  t.is(await client.ask('x'), 'a:x');
  child.kill('SIGTERM');
  await line('draining');
  t.is(await client.ask('y'), 'a:y');
  client.socket.destroy();
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

test('a port that is taken ends the process with 1 and a log line that says so', async (t) => {
  const master = new TestMaster('a');
  t.teardown(() => master.kill());
  const { port } = await master.start();
  const { child, line } = start(t, '--listen', `127.0.0.1:${port}`, '--backend', 'a=127.0.0.1:1', '--admin', 'off');
  await line('cannot run');
  t.deepEqual(await once(child, 'exit'), [1, null]);
});

test('the admin port shows health, state and metrics', async (t) => {
  const { balancer, check, stop } = await bench(t, [new TestMaster('a'), new TestMaster('b')]);
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const { port } = await startAdmin(balancer, { host: '127.0.0.1', port: 0 }, controller.signal);
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  t.is((await get('/healthz')).status, 200);
  t.is((await get('/readyz')).status, 200);
  t.like(JSON.parse((await get('/state')).text), {
    status: 'serving',
    backends: [{ name: 'a', health: 'up' }, { name: 'b' }],
  });
  t.true((await get('/metrics')).text.includes('trimaster_lb_backend_up{backend="a"} 1'));
  t.is((await get('/other')).status, 404);
  for (const name of ['a', 'b']) check.failing.set(name, 'unready');
  await until(() => !balancer.ready);
  t.is((await get('/readyz')).status, 503);
  check.failing.clear();
  stop();
  await balancer.closed;
  t.deepEqual(await get('/readyz'), { status: 503, text: 'stopped\n' });
});

if (process.platform === 'linux') {
  test('of two balancers at one address either may die or be paused, and clients are served', async (t) => {
    const master = new TestMaster('a');
    t.teardown(() => master.kill());
    const { port: backend } = await master.start();
    const port = await freePort();
    const admins = [await freePort(), await freePort()];
    const flags = ['--listen', `127.0.0.1:${port}`, '--reuse-port', '--backend', `a=127.0.0.1:${backend}`];
    const pair = [0, 1].map((i) =>
      start(t, ...flags, '--admin', `127.0.0.1:${admins[i]}`, '--peer', `127.0.0.1:${admins[1 - i]}`),
    );
    const [first, second] = pair;
    await Promise.all(pair.map(({ line }) => line('listening')));
    const served = async (): Promise<boolean> => {
      const client = await TestClient.connect(port);
      const late = setTimeout(() => client.socket.destroy(), 2_000);
      const answer = await client.ask('x');
      clearTimeout(late);
      client.socket.destroy();
      return answer === 'a:x';
    };
    const share = async () => (await Promise.all(Array.from({ length: 50 }, served))).filter(Boolean).length;
    t.is(await share(), 50);

    first?.child.kill('SIGSTOP');
    await second?.line('the other balancer is silent: taking its clients');
    // One listener in 64 is still the paused one's.
    t.true((await share()) >= 40);
    first?.child.kill('SIGCONT');
    await second?.line('the other balancer answers again, or is gone');
    t.is(await share(), 50);

    first?.child.kill('SIGKILL');
    if (first !== undefined) await once(first.child, 'exit');
    t.is(await share(), 50);
  });
}
