import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { annotations } from '../../../node/runtime/simulated/script.ts';
import { SimulatedRuntime } from '../../../node/runtime/simulated/simulated-runtime.ts';
import { conformance, type Driver } from './conformance.ts';

const test = anyTest as TestFn;
let shared: SimulatedRuntime | undefined;
let directory = '';

/** Every runtime that is opened takes up where the last one that was closed has stopped: there is one engine. */
const driver: Driver = {
  real: false,
  image: 'example/app:1',
  absentImage: 'registry.invalid/app:1',
  runsOn: {},
  endsWith: (exitCode) => ({ annotations: { [annotations.exitCode]: String(exitCode) } }),
  async open() {
    if (shared) return shared;
    const runtime = new SimulatedRuntime({ stateFile: join(directory, 'state.json') });
    await runtime.recover();
    await runtime.setPodCidr('10.251.0.0/24');
    await runtime.pullImage('example/app:1', new AbortController().signal);
    const close = runtime.close.bind(runtime);
    runtime.close = async () => {
      shared = undefined;
      await close();
    };
    shared = runtime;
    return runtime;
  },
};

test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'trimaster-simulated-'));
});

test.after.always(async () => {
  await shared?.close();
  await rm(directory, { recursive: true, force: true });
});

conformance(test.serial as TestFn, () => driver);
