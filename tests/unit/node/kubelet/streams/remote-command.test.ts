import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { createLogger } from '../../../../../master/api/logging.ts';
import type { Pod } from '../../../../../master/api/types.ts';
import { agree } from '../../../../../node/kubelet/server/streams/handshake.ts';
import {
  exitStatus,
  neverStarted,
  sizesIn,
  streamOptions,
} from '../../../../../node/kubelet/server/streams/remote-command.ts';
import { StreamServer } from '../../../../../node/kubelet/server/streams/stream-server.ts';
import type { RemoteProcess, Runtime, StreamOptions } from '../../../../../node/runtime/runtime.ts';
import { SimulatedRuntime } from '../../../../../node/runtime/simulated/simulated-runtime.ts';
import { has, podWith, state } from '../pods.ts';

const query = (text: string): StreamOptions => streamOptions(new URLSearchParams(text));

test('the streams are those that the request names; a terminal has no error stream', (t) => {
  t.deepEqual(query('input=1&output=true'), { stdin: true, stdout: true, stderr: false, tty: false });
  t.deepEqual(query('output=1&error=1&tty=1'), { stdin: false, stdout: true, stderr: false, tty: true });
  t.throws(() => query('tty=1'), { message: 'you must specify at least 1 of stdin, stdout, stderr' });
});

test('an end is reported as Kubernetes reports it', (t) => {
  t.is(exitStatus(0).status, 'Success');
  t.like(exitStatus(3), {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  });
});

test('a command that could not be started has a shell’s exit code', (t) => {
  t.is(neverStarted('OCI runtime exec failed: exec: "x": executable file not found in $PATH: unknown'), 127);
  t.is(neverStarted('OCI runtime exec failed: exec failed: permission denied: unknown'), 126);
  t.is(neverStarted('No such container: x'), undefined);
});

test('terminal sizes are read wherever the text is cut', async (t) => {
  const chunks = ['{"Width":80,"He', 'ight":24}\n{"Width":', '0,"Height":1}{"Width":91,"Height":33}'];
  const sizes = [];
  for await (const size of sizesIn(Readable.from(chunks))) sizes.push(size);
  t.deepEqual(sizes, [
    { width: 80, height: 24 },
    { width: 91, height: 33 },
  ]);
});

test('the first protocol of the client that is served is spoken', (t) => {
  t.is(
    agree('v9.channel.k8s.io, v4.channel.k8s.io,v5.channel.k8s.io', ['v5.channel.k8s.io', 'v4.channel.k8s.io']),
    'v4.channel.k8s.io',
  );
  t.throws(() => agree('x, y', ['z']), {
    message: 'unable to upgrade: unable to negotiate protocol: client supports [x y], server accepts [z]',
  });
});

/** A runtime whose processes are played by `play`. */
function runtimeWith(play: (command: readonly string[], streams: StreamOptions) => RemoteProcess): Runtime {
  const runtime = new SimulatedRuntime();
  return Object.assign(runtime, {
    podState: async () => state([has('main', 'running')]),
    openExec: async (_id: string, command: readonly string[], streams: StreamOptions) => play(command, streams),
  });
}

async function serve(t: ExecutionContext, runtime: Runtime): Promise<string> {
  const pod: Pod = podWith();
  const streams = new StreamServer({
    runtime,
    logger: createLogger('test', 'silent'),
    pod: (_namespace, name) => (name === 'pod' ? pod : undefined),
  });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => void streams.serve(request, socket, head, () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    streams.close();
    server.close();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Everything that comes over the WebSocket, by channel, until the server closes it. */
async function conversation(socket: WebSocket): Promise<Record<number, string>> {
  const channels: Record<number, string> = {};
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? -1;
    channels[channel] = (channels[channel] ?? '') + data.subarray(1).toString();
  });
  const [code] = await once(socket, 'close');
  if (code !== 1000) throw new Error(`closed with ${code}`);
  return channels;
}

/** Sends its input back in upper case, its command as errors, and ends with 5 when its input does. */
function upperCase(sizes: string[] = []): Runtime {
  return runtimeWith((command, { stdin }) => {
    const upper = new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) });
    if (!stdin) upper.end();
    return {
      stdin: stdin ? upper : undefined,
      stdout: upper,
      stderr: Readable.from([Buffer.from(command.join(' '))]),
      resize: async (width, height) => void sizes.push(`${width}x${height}`),
      ended: async () => 5,
      close: () => void upper.destroy(),
    };
  });
}

test('a WebSocket carries a process: its streams by channel, the end of its input, and how it ended', async (t) => {
  const sizes: string[] = [];
  const url = await serve(t, upperCase(sizes));
  const socket = new WebSocket(`${url}/exec/default/pod/main?command=do&command=it&input=1&output=1&error=1`, [
    'v5.channel.k8s.io',
  ]);
  const all = conversation(socket);
  await once(socket, 'open');
  t.is(socket.protocol, 'v5.channel.k8s.io');
  socket.send(Buffer.from('\x04{"Width":80,"Height":24}'));
  socket.send(Buffer.from('\0hello '));
  socket.send(Buffer.from('\0world'));
  socket.send(Buffer.of(255, 0));
  const { 1: stdout, 2: stderr, 3: status = '' } = await all;
  t.deepEqual([stdout, stderr], ['HELLO WORLD', 'do it']);
  t.like(JSON.parse(status), { reason: 'NonZeroExitCode', details: { causes: [{ message: '5' }] } });
  t.deepEqual(sizes, ['80x24']);
});

test('older protocols are spoken too: as text, and without a status', async (t) => {
  const url = await serve(t, upperCase());
  const talk = async (protocol: string): Promise<string[]> => {
    const socket = new WebSocket(`${url}/exec/default/pod/main?command=do&output=1&error=1`, [protocol]);
    const messages: string[] = [];
    socket.on('message', (data: Buffer) => messages.push(data.toString('latin1')));
    await once(socket, 'close');
    return messages;
  };
  const failure = 'command terminated with non-zero exit code: command terminated with exit code 5';
  t.deepEqual(await talk('channel.k8s.io'), ['\x02do', `\x03${failure}`]);
  t.deepEqual(await talk('base64.channel.k8s.io'), [`2${btoa('do')}`, `3${btoa(failure)}`]);
  const [, status = ''] = await talk('v4.base64.channel.k8s.io');
  t.like(JSON.parse(atob(status.slice(1))), { reason: 'NonZeroExitCode' });

  const socket = new WebSocket(`${url}/exec/default/pod/main?command=do&input=1&output=1`, ['base64.channel.k8s.io']);
  await once(socket, 'open');
  const heard = once(socket, 'message');
  socket.send(`0${btoa('hello')}`);
  t.is(String((await heard)[0]), `1${btoa('HELLO')}`);
  socket.terminate();
});

test('a client that leaves takes its hands off the process', async (t) => {
  const closed = Promise.withResolvers<void>();
  const runtime = runtimeWith(() => ({
    stdin: undefined,
    stdout: new Readable({ read() {} }),
    stderr: undefined,
    resize: async () => {},
    ended: async () => 0,
    close: closed.resolve,
  }));
  const socket = new WebSocket(
    `${await serve(t, runtime)}/exec/default/pod/main?command=x&output=1`,
    'v4.channel.k8s.io',
  );
  await once(socket, 'open');
  socket.terminate();
  await t.notThrowsAsync(closed.promise);
});

test('what cannot be served is answered before the connection is taken over', async (t) => {
  const url = await serve(t, upperCase());
  const refused = async (path: string, protocol = 'v4.channel.k8s.io'): Promise<string> => {
    const socket = new WebSocket(url + path, protocol);
    const [, answer] = await once(socket, 'unexpected-response');
    return `${answer.statusCode} ${await text(answer)}`;
  };
  t.is(await refused('/exec/default/pod/other?command=x&output=1'), '500 container not found ("other")');
  t.is(await refused('/exec/default/none/main?command=x&output=1'), '404 pod does not exist');
  t.is(await refused('/exec/default/pod/main?output=1'), '400 you must specify a command');
  t.regex(
    await refused('/exec/default/pod/main?command=x&output=1', 'v1'),
    /^403 unable to upgrade: unable to negotiate/,
  );
  t.is(await refused('/other'), '404 404 page not found');
});

test('a simulated container says that it is one, and ends with the code of its annotation', async (t) => {
  const runtime = new SimulatedRuntime();
  const podState = async () => state([has('main', 'running')]);
  Object.assign(runtime, { podState, exec: async () => ({ exitCode: 0, output: '' }) });
  const url = await serve(t, runtime);
  const run = new WebSocket(`${url}/exec/default/pod/main?command=ls&output=1`, 'v5.channel.k8s.io');
  t.like(await conversation(run), { 1: 'simulated: nothing runs here; the command was ["ls"]\n' });
  const attached = new WebSocket(`${url}/attach/default/pod/main?output=1`, 'v5.channel.k8s.io');
  t.regex((await conversation(attached))[3] ?? '', /the container is simulated: no process runs in it/);
});
