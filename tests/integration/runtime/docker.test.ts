/** The suite over a Docker engine. It runs where one answers that has an image with a shell, and leaves nothing behind. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import Docker from 'dockerode';
import { createLogger } from '../../../master/api/logging.ts';
import { DockerRuntime } from '../../../node/runtime/docker/docker-runtime.ts';
import { conformance, containerConfig, type Driver, sandboxConfig, untilExited } from './conformance.ts';

const test = anyTest as TestFn;
const id = randomBytes(3).toString('hex');
const node = `conformance-${id}`;
const image = `trimaster-conformance/${id}:1`;
const network = `trimaster-conformance-${id}`;
const docker = new Docker(process.env.DOCKER_HOST ? undefined : { socketPath: '/var/run/docker.sock' });
const base = await baseImage();

const driver: Driver = {
  real: true,
  image,
  absentImage: 'registry.invalid/app:1',
  runsOn: { command: ['sh', '-c', 'echo started; while :; do sleep 0.1; done'] },
  endsWith: (exitCode) => ({ command: ['sh', '-c', `echo started; exit ${exitCode}`] }),
  async open() {
    const logger = createLogger('test', 'silent');
    return new DockerRuntime({ node, logger, sandboxImage: image, network, bridge: `tmc${id}` });
  },
};

if (base === undefined) {
  test('a Docker engine is not there: its suite is left out', (t) => t.pass());
} else {
  test.before(async () => {
    // The base with a command that waits and ends on SIGTERM stands for the pause image.
    const wait = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'];
    const made = await docker.createContainer({ Image: base, Entrypoint: [], Cmd: wait });
    await made.commit({ repo: image.split(':')[0] ?? '', tag: '1' });
    await made.remove();
    await (await driver.open()).setPodCidr(`10.251.${parseInt(id.slice(0, 2), 16)}.0/24`);
  });

  test.after.always(async () => {
    const filters = { label: [`trimaster.node=${node}`] };
    for (const { Id } of await docker.listContainers({ all: true, filters })) {
      await docker.getContainer(Id).remove({ force: true, v: true });
    }
    await docker
      .getNetwork(network)
      .remove()
      .catch(() => {});
    await docker
      .getImage(image)
      .remove({ force: true })
      .catch(() => {});
  });

  conformance(test.serial as TestFn, () => driver);

  test.serial(
    'the docker runtime gives containers their environment, mounts, working directory and user',
    async (t) => {
      const runtime = await driver.open();
      const directory = await mkdtemp(join(tmpdir(), 'trimaster-docker-'));
      t.teardown(() => rm(directory, { recursive: true, force: true }));
      await writeFile(join(directory, 'in'), 'from outside');
      const pod = { uid: `u-${id}`, name: 'pod', namespace: 'conformance' };
      const sandbox = await runtime.runSandbox({ ...sandboxConfig(pod, {}), hostname: 'host-of-pod' });
      const script = 'cat /v/in > /v/out; echo " $GREETING $(pwd) $(id -u) $(hostname)" >> /v/out';
      const container = await runtime.createContainer(sandbox, {
        ...containerConfig(driver, pod, { command: ['sh', '-c'] }, 0),
        args: [script],
        env: [{ name: 'GREETING', value: 'hello there' }],
        workingDir: '/usr',
        mounts: [{ source: directory, target: '/v', readOnly: false }],
        resources: { cpuShares: 20, cpuLimitMilli: 500, memoryLimitBytes: 64 * 1024 * 1024 },
      });
      await runtime.startContainer(container);
      t.is((await untilExited(runtime, pod.uid)).exitCode, 0);
      t.is(await readFile(join(directory, 'out'), 'utf8'), 'from outside hello there /usr 0 host-of-pod\n');
      await runtime.removeContainer(container);
      await runtime.removeSandbox(sandbox);
    },
  );

  test.serial('the docker runtime neither lists nor replaces containers that are not of its node', async (t) => {
    const stranger = await docker.createContainer({
      Image: image,
      name: `k8s_main_pod_conformance_x-${id}_0`,
      Labels: {
        'io.kubernetes.pod.uid': `x-${id}`,
        'io.kubernetes.docker.type': 'container',
        'trimaster.node': 'other',
      },
    });
    t.teardown(() => stranger.remove({ force: true }));
    const runtime = await driver.open();
    t.is(await runtime.podState(`x-${id}`), undefined);
    t.false((await runtime.listPods()).some(({ pod }) => pod.uid === `x-${id}`));
    const pod = { uid: `x-${id}`, name: 'pod', namespace: 'conformance' };
    const sandbox = await runtime.runSandbox(sandboxConfig(pod, {}));
    t.teardown(() => runtime.removeSandbox(sandbox));
    await t.throwsAsync(runtime.createContainer(sandbox, containerConfig(driver, pod, {}, 0)));
    await t.notThrowsAsync(stranger.inspect());
  });

  test.serial('a second range of addresses replaces the pod network', async (t) => {
    const runtime = new DockerRuntime({
      node,
      logger: createLogger('test', 'silent'),
      sandboxImage: image,
      network: `${network}-b`,
      bridge: `tmd${id}`,
    });
    t.teardown(() => docker.getNetwork(`${network}-b`).remove());
    await runtime.setPodCidr('10.252.1.0/24');
    await runtime.setPodCidr('10.252.1.0/24');
    await runtime.setPodCidr('10.252.2.0/24');
    const { IPAM } = await docker.getNetwork(`${network}-b`).inspect();
    t.is(IPAM?.Config?.[0]?.Subnet, '10.252.2.0/24');
  });
}

/** Some image of this engine that has a shell; nothing is pulled. */
async function baseImage(): Promise<string | undefined> {
  try {
    const images = await docker.listImages();
    const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []);
    return ['trimaster/echo:1', 'node:26-trixie-slim', 'busybox:latest', 'alpine:latest'].find((tag) =>
      tags.includes(tag),
    );
  } catch {
    return undefined;
  }
}
