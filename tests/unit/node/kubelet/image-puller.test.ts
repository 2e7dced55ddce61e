/** With which credentials images are pulled, down to what the engine is told. */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../../master/api/clock.ts';
import { createLogger } from '../../../../master/api/logging.ts';
import type { Secret } from '../../../../master/api/types.ts';
import { ImagePuller } from '../../../../node/kubelet/pods/image-puller.ts';
import { referencesOf } from '../../../../node/kubelet/pods/object-cache.ts';
import { pullCredentials } from '../../../../node/kubelet/pods/registry-credentials.ts';
import { DockerRuntime } from '../../../../node/runtime/docker/docker-runtime.ts';
import { container, podWith } from './pods.ts';

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

const secrets: Record<string, Secret> = {
  json: {
    type: 'kubernetes.io/dockerconfigjson',
    data: {
      '.dockerconfigjson': base64({
        auths: {
          'https://index.docker.io/v1/': { auth: base64('hub:se:cret') },
          'registry.example:5000': { username: 'all', password: 'a' },
          'registry.example:5000/team': { username: 'team', password: 't' },
          '*.wild.example': { username: 'wild', password: 'w' },
        },
      }),
    },
  },
  old: { type: 'kubernetes.io/dockercfg', data: { '.dockercfg': base64({ 'old.example': { auth: base64('o:p') } }) } },
  broken: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{') } },
};
const pod = podWith({ imagePullSecrets: [{ name: 'broken' }, { name: 'json' }, { name: 'old' }, { name: 'gone' }] });
const credentials = (image: string) => pullCredentials(pod, image, (_, name) => secrets[name]);
const users = (image: string): string =>
  credentials(image)
    .auths.map(({ username, password }) => `${username}:${password}`)
    .join(' ');

test('an image is pulled with the credentials for its registry, those for a part of it first', (t) => {
  t.is(users('registry.example:5000/team/app:1'), 'team:t all:a');
  t.is(users('registry.example:5000/app@sha256:1'), 'all:a');
  t.is(users('registry.example/app'), '');
  t.is(users('busybox'), 'hub:se:cret');
  t.is(users('team/app'), 'hub:se:cret');
  t.is(users('docker.io/library/busybox'), 'hub:se:cret');
  t.is(users('a.wild.example/app'), 'wild:w');
  t.is(users('a.b.wild.example/app'), '');
  t.is(users('old.example/app'), 'o:p');
  t.deepEqual(credentials('busybox').missing, ['gone']);
  t.deepEqual(
    referencesOf(pod).map(({ name }) => name),
    ['broken', 'json', 'old', 'gone'],
  );
});

test('the engine is told the credentials, the next where it will not have the first', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'trimaster-engine-'));
  const socketPath = join(directory, 'engine.sock');
  const seen: (string | undefined)[] = [];
  const told = (headers: IncomingHttpHeaders): string | undefined => {
    const header = headers['x-registry-auth'];
    return typeof header === 'string'
      ? JSON.parse(Buffer.from(header, 'base64url').toString('utf8')).username
      : undefined;
  };
  const engine = createServer((request, response) => {
    if (request.method === 'GET') return void response.end(JSON.stringify({ Id: 'sha256:1', Size: 7 }));
    seen.push(told(request.headers));
    const refused = seen.at(-1) === 'team';
    response.writeHead(refused ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(refused ? { message: 'unauthorized' } : { status: 'done' }));
  });
  await new Promise<void>((resolve) => engine.listen(socketPath, resolve));
  t.teardown(async () => {
    engine.close();
    await rm(directory, { recursive: true, force: true });
  });
  const runtime = new DockerRuntime({ node: 'n', logger: createLogger('test', 'silent'), socketPath });
  const puller = new ImagePuller({ runtime, clock: systemClock, signal: new AbortController().signal });
  const events: string[] = [];
  const pull = (image: string) =>
    puller.ensure(container('main', { image, imagePullPolicy: 'Always' }), credentials(image), (_, reason, message) =>
      events.push(`${reason}: ${message}`),
    );
  await pull('registry.example:5000/team/app:1');
  await pull('elsewhere.example/app:1');
  t.deepEqual(seen, ['team', 'all', undefined]);
  t.is(
    events[0],
    'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (gone); attempting to pull the image may not succeed.',
  );
});
