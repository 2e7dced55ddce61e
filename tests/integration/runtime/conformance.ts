/**
 * What every container runtime must do for the kubelet: one suite, run over each implementation.
 *
 * A driver says how a runtime is made and how a container is told to run on, to end, and to write; the promises are the same.
 */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ExecutionContext, TestFn } from 'ava';
import type {
  ContainerConfig,
  ContainerState,
  LogOptions,
  PodIdentity,
  Runtime,
  SandboxConfig,
} from '../../../node/runtime/runtime.ts';

/** How a container behaves: what it is started with, and what its pod is told. */
export interface Behaviour {
  readonly command?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Driver {
  /** An image that `hasImage` finds. */
  readonly image: string;
  readonly absentImage: string;
  /** A runtime for the same node, over the same engine, as after a restart of the kubelet. */
  open(): Promise<Runtime>;
  readonly runsOn: Behaviour;
  endsWith(exitCode: number): Behaviour;
  /** Whether the container's environment, mounts and commands are real. */
  readonly real: boolean;
}

const follow: LogOptions = { follow: false, timestamps: false, stdout: true, stderr: true };

interface Started {
  readonly pod: PodIdentity;
  readonly sandbox: string;
  readonly container: string;
}

export function conformance(test: TestFn, driver: () => Driver): void {
  const title = (text: string): string => `a container runtime ${text}`;

  test(title('gives a sandbox an address out of the range of the node'), async (t) => {
    const runtime = await driver().open();
    const { pod } = await start(t, runtime, driver(), driver().runsOn);
    const state = await runtime.podState(pod.uid);
    t.is(state?.sandboxes.length, 1);
    t.true(state?.sandboxes[0]?.ready);
    t.regex(state?.sandboxes[0]?.ip ?? '', /^10\.251\.\d+\.\d+$/);
  });

  test(title('says who a container belongs to, and that it runs'), async (t) => {
    const runtime = await driver().open();
    const { pod, sandbox, container } = await start(t, runtime, driver(), driver().runsOn);
    const state = await runtime.podState(pod.uid);
    t.deepEqual(state?.pod, pod);
    const found = only(t, state?.containers);
    t.like(found, { id: container, sandboxId: sandbox, name: 'main', attempt: 0, hash: 'h1', gracePeriodSeconds: 7 });
    t.is(found.state, 'running');
    t.true((await runtime.listPods()).some((other) => other.pod.uid === pod.uid));
  });

  test(title('keeps the exit code and the times of a container that ended by itself'), async (t) => {
    const runtime = await driver().open();
    const { pod } = await start(t, runtime, driver(), driver().endsWith(3));
    const ended = await untilExited(runtime, pod.uid);
    t.is(ended.exitCode, 3);
    t.true(ended.startedAt > 0 && ended.finishedAt >= ended.startedAt);
    t.false(ended.oomKilled);
  });

  test(title('tells of a start and of an end by events'), async (t) => {
    const runtime = await driver().open();
    const stop = new AbortController();
    const seen: string[] = [];
    const listening = (async () => {
      for await (const { podUid } of runtime.events(stop.signal)) seen.push(podUid);
    })();
    await settled();
    const { pod } = await start(t, runtime, driver(), driver().endsWith(0));
    await untilExited(runtime, pod.uid);
    await until(() => seen.filter((uid) => uid === pod.uid).length >= 2);
    stop.abort();
    await t.notThrowsAsync(listening);
  });

  test(title('stops a container and its sandbox, and does so again without complaint'), async (t) => {
    const runtime = await driver().open();
    const { pod, sandbox, container } = await start(t, runtime, driver(), driver().runsOn);
    await runtime.stopContainer(container, 1);
    const ended = await untilExited(runtime, pod.uid);
    t.true(ended.exitCode >= 128, `it ended with ${ended.exitCode}`);
    await runtime.stopContainer(container, 1);
    await runtime.stopSandbox(sandbox);
    await runtime.stopSandbox(sandbox);
    t.false((await runtime.podState(pod.uid))?.sandboxes[0]?.ready);
  });

  test(title('kills at once without a grace'), async (t) => {
    const runtime = await driver().open();
    const { pod, container } = await start(t, runtime, driver(), driver().runsOn);
    await runtime.stopContainer(container, 0);
    t.is((await untilExited(runtime, pod.uid)).exitCode, 137);
  });

  test(title('forgets what is removed, and removes what is gone without complaint'), async (t) => {
    const runtime = await driver().open();
    const { pod, sandbox, container } = await start(t, runtime, driver(), driver().runsOn);
    await runtime.stopContainer(container, 0);
    await runtime.removeContainer(container);
    await runtime.removeContainer(container);
    await runtime.stopSandbox(sandbox);
    await runtime.removeSandbox(sandbox);
    await runtime.removeSandbox(sandbox);
    t.is(await runtime.podState(pod.uid), undefined);
  });

  test(title('knows its pods again after a restart'), async (t) => {
    const before = await driver().open();
    const { pod, container } = await start(t, before, driver(), driver().runsOn);
    await before.close();
    const after = await driver().open();
    const found = only(t, (await after.podState(pod.uid))?.containers);
    t.is(found.id, container);
    t.is(found.state, 'running');
    await after.stopContainer(container, 0);
    t.is((await untilExited(after, pod.uid)).exitCode, 137);
  });

  test(title('lists the newest container of a name first'), async (t) => {
    const runtime = await driver().open();
    const { pod, sandbox } = await start(t, runtime, driver(), driver().endsWith(1));
    await untilExited(runtime, pod.uid);
    const again = await runtime.createContainer(sandbox, containerConfig(driver(), pod, driver().runsOn, 1));
    await runtime.startContainer(again);
    const state = await runtime.podState(pod.uid);
    t.deepEqual(
      state?.containers.map(({ attempt }) => attempt),
      [1, 0],
    );
  });

  test(title('gives the log, its end, and no more than is asked for'), async (t) => {
    const runtime = await driver().open();
    const { container, pod } = await start(t, runtime, driver(), driver().endsWith(0));
    await untilExited(runtime, pod.uid);
    const all = await text(await runtime.logs(container, follow));
    t.regex(all, /started/);
    const last = await text(await runtime.logs(container, { ...follow, tailLines: 1, timestamps: true }));
    t.regex(last, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S+Z .*\n$/);
    const none = await text(await runtime.logs(container, { ...follow, since: Date.now() + 60_000 }));
    t.is(none, '');
  });

  test(title('follows the log of a container until it ends'), async (t) => {
    const runtime = await driver().open();
    const { container } = await start(t, runtime, driver(), driver().runsOn);
    const reading = text(await runtime.logs(container, { ...follow, follow: true }));
    await runtime.stopContainer(container, 0);
    t.regex(await reading, /started/);
  });

  test(title('knows which images are there'), async (t) => {
    const runtime = await driver().open();
    t.true(await runtime.hasImage(driver().image));
    t.false(await runtime.hasImage(driver().absentImage));
    await t.throwsAsync(runtime.pullImage(driver().absentImage, new AbortController().signal));
    t.true((await runtime.images()).some(({ names }) => names.includes(driver().image)));
  });

  test(title('runs commands in a container'), async (t) => {
    const runtime = await driver().open();
    const { container } = await start(t, runtime, driver(), driver().runsOn);
    const { exitCode, output } = await runtime.exec(container, ['echo', 'hello'], 5_000);
    t.is(exitCode, 0);
    t.regex(output, /hello/);
  });

  test(title('replaces a leftover of the same name'), async (t) => {
    const runtime = await driver().open();
    const { pod, sandbox } = await start(t, runtime, driver(), driver().endsWith(0));
    const config = containerConfig(driver(), pod, driver().runsOn, 1);
    await runtime.createContainer(sandbox, config);
    const second = await runtime.createContainer(sandbox, config);
    await t.notThrowsAsync(runtime.startContainer(second));
  });
}

async function start(t: ExecutionContext, runtime: Runtime, driver: Driver, behaviour: Behaviour): Promise<Started> {
  const pod = { uid: randomUUID(), name: 'pod', namespace: 'conformance' };
  t.teardown(() => removeAll(driver, pod.uid));
  const sandbox = await runtime.runSandbox(sandboxConfig(pod, behaviour));
  const container = await runtime.createContainer(sandbox, containerConfig(driver, pod, behaviour, 0));
  await runtime.startContainer(container);
  return { pod, sandbox, container };
}

/** Over a runtime of its own: that of the test may be closed. */
async function removeAll(driver: Driver, uid: string): Promise<void> {
  const runtime = await driver.open();
  const state = await runtime.podState(uid);
  for (const { id } of state?.containers ?? []) await runtime.removeContainer(id);
  for (const { id } of state?.sandboxes ?? []) await runtime.removeSandbox(id);
  await runtime.close();
}

export const sandboxConfig = (pod: PodIdentity, behaviour: Behaviour): SandboxConfig => ({
  pod,
  attempt: 0,
  hostname: pod.name,
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  sysctls: {},
  portMappings: [],
  annotations: behaviour.annotations ?? {},
});

export const containerConfig = (
  driver: Driver,
  pod: PodIdentity,
  behaviour: Behaviour,
  attempt: number,
): ContainerConfig => ({
  pod,
  name: 'main',
  attempt,
  hash: 'h1',
  image: driver.image,
  ...(behaviour.command ? { command: behaviour.command } : {}),
  env: [],
  mounts: [],
  tty: false,
  stdin: false,
  stdinOnce: false,
  resources: {},
  security: {
    groups: [],
    privileged: false,
    readOnlyRootFilesystem: false,
    noNewPrivileges: false,
    addCapabilities: [],
    dropCapabilities: [],
  },
  shareProcesses: false,
  gracePeriodSeconds: 7,
});

export async function untilExited(runtime: Runtime, uid: string): Promise<ContainerState & { state: 'exited' }> {
  let found: (ContainerState & { state: 'exited' }) | undefined;
  await until(async () => {
    const newest = (await runtime.podState(uid))?.containers[0];
    found = newest?.state === 'exited' ? newest : undefined;
    return found !== undefined;
  });
  if (!found) throw new Error('the container did not end');
  return found;
}

/** Polls, with a bound: what is waited for has no event of its own. */
async function until(done: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Lets a subscription reach the engine. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100));

function only<T>(t: ExecutionContext, items: readonly T[] | undefined): T {
  t.is(items?.length, 1);
  const [item] = items ?? [];
  if (item === undefined) throw new Error('nothing is there');
  return item;
}

async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
