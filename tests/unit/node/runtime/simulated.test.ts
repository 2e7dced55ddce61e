import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { AddressPool } from '../../../../node/runtime/simulated/address-pool.ts';
import { annotations, scriptOf } from '../../../../node/runtime/simulated/script.ts';
import { simulatedLogs } from '../../../../node/runtime/simulated/simulated-logs.ts';
import { SimulatedRuntime } from '../../../../node/runtime/simulated/simulated-runtime.ts';
import { containerConfig, type Driver, sandboxConfig } from '../../../integration/runtime/conformance.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const pod = { uid: 'u1', name: 'pod', namespace: 'default' };
const driver: Driver = {
  real: false,
  image: 'app:1',
  absentImage: '',
  runsOn: {},
  endsWith: () => ({}),
  open: () => Promise.reject(new Error('not used')),
};

async function started(
  more: Record<string, string>,
): Promise<{ runtime: SimulatedRuntime; clock: ManualClock; id: string }> {
  const clock = new ManualClock(1_000_000);
  const runtime = new SimulatedRuntime({ clock });
  await runtime.setPodCidr('10.244.0.0/29');
  await runtime.pullImage('app:1', new AbortController().signal);
  const sandbox = await runtime.runSandbox(sandboxConfig(pod, { annotations: more }));
  const id = await runtime.createContainer(sandbox, containerConfig(driver, pod, {}, 0));
  await runtime.startContainer(id);
  return { runtime, clock, id };
}

test('addresses are handed out lowest first, given back, and run out', (t) => {
  const pool = new AddressPool('10.244.7.0/29');
  const taken = Array.from({ length: 5 }, () => pool.take());
  t.deepEqual([taken[0], taken[4]], ['10.244.7.2', '10.244.7.6']);
  t.throws(() => pool.take(), { message: /no free addresses/ });
  pool.give('10.244.7.3');
  t.is(pool.take(), '10.244.7.3');
  t.throws(() => new AddressPool('nonsense'), { message: /no IPv4 range/ });
});

test('annotations tell containers when to end; nonsense is ignored', (t) => {
  t.deepEqual(scriptOf({}), { stopMs: 0, execExitCode: 0 });
  t.deepEqual(scriptOf({ [annotations.exitCode]: '2', [annotations.exitAfterSeconds]: '1.5' }).exit, {
    code: 2,
    afterMs: 1_500,
  });
  t.is(scriptOf({ [annotations.exitCode]: 'x' }).exit, undefined);
});

test('a container ends by itself after the time that it was given', async (t) => {
  const { runtime, clock } = await started({ [annotations.exitCode]: '2', [annotations.exitAfterSeconds]: '10' });
  clock.advance(9_999);
  await turn();
  t.is((await runtime.podState('u1'))?.containers[0]?.state, 'running');
  clock.advance(1);
  await turn();
  t.like((await runtime.podState('u1'))?.containers[0], { state: 'exited', exitCode: 2, finishedAt: 1_010_000 });
});

test('a slow container is killed when its grace is over, or at once when a later stop says so', async (t) => {
  const { runtime, clock, id } = await started({ [annotations.stopSeconds]: '60' });
  const slow = runtime.stopContainer(id, 30);
  await turn();
  t.is((await runtime.podState('u1'))?.containers[0]?.state, 'running');
  await runtime.stopContainer(id, 0);
  t.like((await runtime.podState('u1'))?.containers[0], { state: 'exited', exitCode: 137 });
  clock.advance(30_000);
  await slow;
});

test('logs are made from times: a line at the start and one a second', async (t) => {
  const clock = new ManualClock(10_500);
  const read = async (options: object): Promise<string> => {
    const times = () => ({ title: 'c', startedAt: 8_000 });
    const parts: Buffer[] = [];
    const all = { follow: false, timestamps: false, stdout: true, stderr: true, ...options };
    for await (const part of simulatedLogs(times, all, clock)) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  t.is(await read({}), 'c started\nc has run for 1 s\nc has run for 2 s\n');
  t.is(await read({ tailLines: 1, timestamps: true }), '1970-01-01T00:00:10.000Z c has run for 2 s\n');
  t.is(await read({ since: 9_500 }), 'c has run for 2 s\n');
});
