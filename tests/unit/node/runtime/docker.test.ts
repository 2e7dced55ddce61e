import { Readable } from 'node:stream';
import test from 'ava';
import { containerOptions, sandboxOptions } from '../../../../node/runtime/docker/create-options.ts';
import { engineWords } from '../../../../node/runtime/docker/engine-error.ts';
import { userOf } from '../../../../node/runtime/docker/first-users.ts';
import { jsonLines } from '../../../../node/runtime/docker/json-lines.ts';
import { withoutFrames } from '../../../../node/runtime/docker/log-stream.ts';
import { firstAddress } from '../../../../node/runtime/docker/network.ts';
import type { ContainerConfig, SandboxConfig } from '../../../../node/runtime/runtime.ts';

const place = { node: 'node-1', sandboxImage: 'trimaster/pause:1', network: 'pods' };
const pod = { uid: 'u1', name: 'web', namespace: 'default' };

const sandbox: SandboxConfig = {
  pod,
  attempt: 2,
  hostname: 'web',
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  sysctls: {},
  portMappings: [{ protocol: 'TCP', containerPort: 80, hostPort: 8080 }],
  annotations: {},
};

const container: ContainerConfig = {
  pod,
  name: 'main',
  attempt: 3,
  hash: 'h',
  image: 'app:1',
  env: [{ name: 'A', value: 'b=c' }],
  mounts: [{ source: '/host', target: '/in', readOnly: true, propagation: 'rslave' }],
  tty: false,
  stdin: false,
  stdinOnce: false,
  resources: { cpuShares: 256, cpuLimitMilli: 1500, memoryLimitBytes: 1024 },
  security: {
    groups: ['7'],
    privileged: false,
    readOnlyRootFilesystem: true,
    noNewPrivileges: true,
    addCapabilities: ['NET_ADMIN'],
    dropCapabilities: ['ALL'],
  },
  shareProcesses: true,
  gracePeriodSeconds: 30,
};

test('a sandbox is named, labelled and on the pod network, with its host ports', (t) => {
  const options = sandboxOptions(sandbox, place);
  t.is(options.name, 'k8s_POD_web_default_u1_2');
  t.like(options.Labels, {
    'io.kubernetes.pod.uid': 'u1',
    'io.kubernetes.docker.type': 'podsandbox',
    'trimaster.node': 'node-1',
  });
  t.is(options.HostConfig?.NetworkMode, 'pods');
  t.deepEqual(options.HostConfig?.PortBindings, { '80/tcp': [{ HostIp: '', HostPort: '8080' }] });
  const onHost = sandboxOptions({ ...sandbox, hostNetwork: true }, place);
  t.is(onHost.HostConfig?.NetworkMode, 'host');
  t.deepEqual(onHost.HostConfig?.PortBindings, {});
  t.is(onHost.Hostname, undefined);
});

test('a container joins its sandbox and keeps the image’s command unless it has its own', (t) => {
  const options = containerOptions('s1', container, place, true);
  t.is(options.name, 'k8s_main_web_default_u1_3');
  t.like(options.HostConfig, { NetworkMode: 'container:s1', IpcMode: 'container:s1', PidMode: 'container:s1' });
  t.deepEqual(options.Env, ['A=b=c']);
  t.deepEqual(options.HostConfig?.Binds, ['/host:/in:ro,rslave']);
  t.false('Entrypoint' in options || 'Cmd' in options);
  const own = containerOptions('s1', { ...container, command: ['run'], args: ['x'] }, place, true);
  t.deepEqual([own.Entrypoint, own.Cmd], [['run'], ['x']]);
});

test('limits are set as the kernel counts them, or left out where the engine has none', (t) => {
  const limited = containerOptions('s1', container, place, true).HostConfig;
  t.like(limited, { CpuShares: 256, CpuPeriod: 100_000, CpuQuota: 150_000, Memory: 1024, MemorySwap: 1024 });
  t.false('Memory' in (containerOptions('s1', container, place, false).HostConfig ?? {}));
});

test('frames of a log are taken away wherever they are cut', async (t) => {
  const frame = (stream: number, text: string): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const all = Buffer.concat([frame(1, 'one\n'), frame(2, 'zwei\n'), frame(1, ''), frame(1, 'three\n')]);
  for (const size of [1, 3, 7, 8, 9, all.length]) {
    const chunks = Array.from({ length: Math.ceil(all.length / size) }, (_, i) =>
      all.subarray(i * size, (i + 1) * size),
    );
    const parts: Buffer[] = [];
    for await (const part of Readable.from(chunks).pipe(withoutFrames())) parts.push(part);
    t.is(Buffer.concat(parts).toString(), 'one\nzwei\nthree\n');
  }
});

test('events are read one a line, also when a character is cut in two', async (t) => {
  const bytes = Buffer.from('{"status":"ü"}\n\n{"status":"b"}');
  const seen: unknown[] = [];
  for await (const { status } of jsonLines(Readable.from([bytes.subarray(0, 12), bytes.subarray(12)])))
    seen.push(status);
  t.deepEqual(seen, ['ü', 'b']);
});

test('the engine’s own words are told, without the client’s', (t) => {
  t.is(
    engineWords(new Error('(HTTP code 500) server error - Get "https://x/v2/": no such host ')),
    'Get "https://x/v2/": no such host',
  );
  t.is(
    engineWords(Object.assign(new Error('(HTTP code 404) x - y'), { json: { message: 'No such image: a' } })),
    'No such image: a',
  );
});

test('the gateway is the first address of the range', (t) => {
  t.is(firstAddress('10.244.3.0/24'), '10.244.3.1');
});

test('as whom a process runs is read from what the kernel tells of it', (t) => {
  const status =
    'Name:\tapp\nUid:\t1000\t1001\t1000\t1000\nGid:\t3000\t3000\t3000\t3000\nGroups:\t4000 3000 \nNStgid:\t7\n';
  t.deepEqual(userOf(status), { uid: 1001, gid: 3000, groups: [3000, 4000] });
  t.is(userOf(''), undefined);
});
