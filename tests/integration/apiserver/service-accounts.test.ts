/** Tokens of service accounts, as `kubectl create token` gives them and programs use them. */
import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startApiServers, type TestApiServer, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { withToken } from '../../support/token-file.ts';
import { within } from '../../support/within.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let dir: string;

test.before(async () => {
  api = await startApiServers({ count: 2 });
  kubectl = new Kubectl(api.first.kubeconfig);
  dir = await mkdtemp(join(tmpdir(), 'trimaster-accounts-'));
  await kubectl.run('create', 'serviceaccount', 'robot');
  await kubectl.run(
    'create',
    'rolebinding',
    'robot',
    '--clusterrole=system:kube-dns',
    '--serviceaccount=default:robot',
  );
});

test.after.always(async () => {
  await api?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

async function bearer(token: string, server: TestApiServer = api.first): Promise<Kubectl> {
  const path = join(dir, `kubeconfig-${server.port}-${token.slice(-12)}`);
  await writeFile(path, withToken(server.kubeconfig, token.trim()), { mode: 0o600 });
  return new Kubectl(path);
}

test('a token makes its bearer the account, at every API server', async (t) => {
  const token = await kubectl.run('create', 'token', 'robot', '--duration=10m');
  for (const server of api.servers) {
    const robot = await bearer(token, server);
    const whoami = JSON.parse(await robot.run('auth', 'whoami', '-o', 'json')).status.userInfo;
    t.like(whoami, {
      username: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
    });
    t.is(await robot.run('auth', 'can-i', 'list', 'services'), 'yes\n');
    t.is((await robot.try(['auth', 'can-i', 'list', 'secrets'])).stdout, 'no\n');
  }
  const forged = await bearer(`${token.trim().slice(0, -4)}AAAA`);
  t.regex((await forged.try(['get', 'services'])).stderr, /You must be logged in to the server/);
});

test('a token bound to a pod ends with the pod', async (t) => {
  const pod = {
    metadata: { name: 'p' },
    spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'x' }] },
  };
  await kubectl.feed(JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod }), 'create', '-f', '-');
  const token = await kubectl.run('create', 'token', 'robot', '--bound-object-kind=Pod', '--bound-object-name=p');
  const robot = await bearer(token);
  const { extra } = JSON.parse(await robot.run('auth', 'whoami', '-o', 'json')).status.userInfo;
  t.deepEqual(extra['authentication.kubernetes.io/pod-name'], ['p']);
  await kubectl.run('delete', 'pod', 'p');
  t.regex((await robot.try(['get', 'services'])).stderr, /Unauthorized|must be logged in/);
});

test('a token for another audience is no token here, and a review tells its audience whose it is', async (t) => {
  const token = (await kubectl.run('create', 'token', 'robot', '--audience=vault')).trim();
  t.regex((await (await bearer(token)).try(['get', 'services'])).stderr, /Unauthorized|must be logged in/);
  const review = async (audiences: string[]) => {
    const question = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
    return JSON.parse(await kubectl.feed(JSON.stringify(question), 'create', '-o', 'json', '-f', '-')).status;
  };
  t.like(await review(['vault', 'other']), {
    authenticated: true,
    audiences: ['vault'],
    user: { username: 'system:serviceaccount:default:robot' },
  });
  t.like(await review(['other']), { error: 'invalid bearer token' });
});

test('what cannot be issued is refused', async (t) => {
  const refused = async (...args: string[]): Promise<string> =>
    (await kubectl.try(['create', 'token', ...args])).stderr;
  t.regex(await refused('nobody'), /serviceaccounts "nobody" not found/);
  t.regex(await refused('robot', '--duration=1m'), /may not specify a duration less than 10 minutes/);
  t.regex(await refused('robot', '--bound-object-kind=Pod', '--bound-object-name=none'), /pods "none" not found/);
  t.regex(await refused('robot', '--as=somebody'), /cannot create resource "serviceaccounts\/token"/);
});

test('others verify tokens with the keys that discovery names, which accounts may read', async (t) => {
  const robot = await bearer(await kubectl.run('create', 'token', 'robot'));
  const configuration = JSON.parse(await robot.run('get', '--raw', '/.well-known/openid-configuration'));
  t.is(configuration.issuer, 'https://kubernetes.default.svc.cluster.local');
  t.is(new URL(configuration.jwks_uri).pathname, '/openid/v1/jwks');
  const { keys } = JSON.parse(await robot.run('get', '--raw', '/openid/v1/jwks'));
  const [header = '', payload = '', signature = ''] = (await kubectl.run('create', 'token', 'robot')).trim().split('.');
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
  const jwk = keys.find((key: { kid: string }) => key.kid === kid);
  const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
  t.true(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')));
  t.is((await api.first.ask('/openid/v1/jwks')).status, 403);
});

test('a deleted account’s tokens end at every API server', async (t) => {
  await kubectl.run('create', 'serviceaccount', 'short-lived');
  const token = await kubectl.run('create', 'token', 'short-lived');
  const users = await Promise.all(api.servers.map((server) => bearer(token, server)));
  for (const user of users) await user.run('auth', 'whoami');
  await kubectl.run('delete', 'serviceaccount', 'short-lived');
  for (const user of users) {
    await within(
      5,
      () => user.try(['auth', 'whoami']),
      ({ code }) => code !== 0,
    );
  }
  t.pass();
});
