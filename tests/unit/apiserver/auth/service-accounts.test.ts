import { generateKeyPairSync } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import type { KubeObject, Pod, TokenRequest } from '../../../../master/api/types.ts';
import { AccountTokens, type ReadObject } from '../../../../master/apiserver/auth/service-accounts/account-tokens.ts';
import { verified } from '../../../../master/apiserver/auth/service-accounts/jwt.ts';
import { keySet, tokenKeys } from '../../../../master/apiserver/auth/service-accounts/keys.ts';
import { issueToken } from '../../../../master/apiserver/auth/service-accounts/token-request.ts';
import { user } from './roles.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: typeof rsa.privateKey): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

const issuer = 'https://issuer';
const account = { namespace: 'default', name: 'robot' };
const startMs = Date.UTC(2030, 0, 1);

/** Objects as the store has them, tokens made and checked over them, and a clock. */
function world(key = pem(rsa.privateKey)) {
  const metadata = (name: string, uid: string) => ({ namespace: 'default', name, uid });
  const pod: Pod = {
    metadata: metadata('p', 'uid-p'),
    spec: {
      containers: [],
      serviceAccountName: 'robot',
      nodeName: 'node-1',
      volumes: [
        {
          name: 'tokens',
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token' } },
              { serviceAccountToken: { path: 'vault', audience: 'vault' } },
            ],
          },
        },
      ],
    },
  };
  const objects = new Map<string, KubeObject>([
    ['serviceaccounts/robot', { metadata: metadata('robot', 'uid-robot') }],
    ['pods/p', pod],
    ['nodes/node-1', { metadata: { name: 'node-1', uid: 'uid-node' } }],
  ]);
  const read: ReadObject = async (resource, _namespace, name) => objects.get(`${resource}/${name}`);
  const clock = { now: startMs };
  const keys = tokenKeys([], key);
  const { signing } = keys;
  if (!signing) throw new Error('no signing key');
  const tokens = new AccountTokens({ keys, issuers: [issuer], read, now: () => clock.now });
  const issue = async (spec: TokenRequest['spec'] = {}, who = user('admin')): Promise<string> => {
    const options = { key: signing, issuer, audiences: ['api'], read, now: () => clock.now };
    const {
      answer: { status },
    } = await issueToken(options, who, account, { spec });
    return status?.token ?? '';
  };
  return {
    objects,
    clock,
    keys,
    issue,
    verify: (token: string, ...audiences: string[]) => tokens.verify(token, audiences),
  };
}

const toPod = { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'uid-p' } };

async function refused(t: ExecutionContext, action: Promise<unknown>, reason: string, message: RegExp): Promise<void> {
  const error = await t.throwsAsync(action, { message });
  t.true(isStatusError(error) && error.reason === reason);
}

for (const [algorithm, key] of [
  ['RS256', rsa.privateKey],
  ['ES256', curve.privateKey],
] as const) {
  test(`a token signed with ${algorithm} says whose it is, also after it is remembered`, async (t) => {
    const { issue, verify, keys } = world(pem(key));
    const token = await issue(toPod);
    const first = await verify(token, 'other', 'api');
    t.like(first, {
      audiences: ['api'],
      user: {
        name: 'system:serviceaccount:default:robot',
        uid: 'uid-robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
    });
    t.deepEqual(first?.user.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
    t.deepEqual(first?.user.extra?.['authentication.kubernetes.io/node-name'], ['node-1']);
    t.is((await verify(token, 'api'))?.user, first?.user);
    t.like(keySet(keys).keys[0], { alg: algorithm, use: 'sig' });
    t.false(JSON.stringify(keySet(keys)).includes('"d":'), 'no private part is told');
  });
}

test('a token is taken in its time and by its audience only', async (t) => {
  const { issue, verify, clock } = world();
  const token = await issue({ expirationSeconds: 600, audiences: ['vault'] });
  t.is(await verify(token, 'api'), undefined);
  t.truthy(await verify(token, 'vault'));
  clock.now += 600_000;
  t.is(await verify(token, 'vault'), undefined);
  clock.now = startMs - 1_000;
  t.is(await verify(token, 'vault'), undefined);
});

test('a token ends with what it is bound to, and is not its successor’s', async (t) => {
  const { issue, verify, objects, clock } = world();
  const bound = await issue(toPod);
  const free = await issue();
  const pod = objects.get('pods/p');
  objects.set('pods/p', { metadata: { ...pod?.metadata, deletionTimestamp: new Date(clock.now).toISOString() } });
  t.truthy(await verify(bound, 'api'), 'while the pod ends');
  objects.set('pods/p', { metadata: { ...pod?.metadata, uid: 'another' } });
  t.is(await verify(bound, 'api'), undefined);
  t.truthy(await verify(free, 'api'));
  objects.delete('serviceaccounts/robot');
  t.is(await verify(free, 'api'), undefined);
});

test('what was changed or signed by others is no token', async (t) => {
  const { issue, verify, keys } = world();
  const token = await issue();
  const [header = '', payload = '', signature = ''] = token.split('.');
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const [kid = ''] = keys.verifying.keys();
  const forged = [
    `${header}.${encoded({ ...claims, sub: 'system:serviceaccount:kube-system:x' })}.${signature}`,
    `${encoded({ alg: 'none', kid })}.${payload}.`,
    `${encoded({ alg: 'HS256', kid })}.${payload}.${signature}`,
    `${header}.${payload}`,
    `${token}.x`,
    'eyJ.eyJ.eyJ',
    await world(pem(curve.privateKey)).issue(),
  ];
  for (const text of forged) t.is(await verify(text, 'api'), undefined, text);
  t.is(verified(token, new Map()), undefined);
});

test('a request for what may not be is refused in Kubernetes’ words', async (t) => {
  const { issue } = world();
  const ref = toPod.boundObjectRef;
  await refused(t, issue({ expirationSeconds: 10 }), 'Invalid', /may not specify a duration less than 10 minutes/);
  await refused(t, issue({ boundObjectRef: { ...ref, name: 'none' } }), 'NotFound', /pods "none" not found/);
  await refused(t, issue({ boundObjectRef: { ...ref, uid: 'other' } }), 'Conflict', /does not match the UID in record/);
  await refused(t, issue({ boundObjectRef: { ...ref, kind: 'Service' } }), 'BadRequest', /cannot bind token to object/);
});

test('a node has tokens only of the pods that run on it', async (t) => {
  const { issue } = world();
  const node = (name: string) => user(`system:node:${name}`, 'system:nodes');
  t.truthy(await issue(toPod, node('node-1')));
  await refused(t, issue({}, node('node-1')), 'Forbidden', /node requested token not bound to a pod/);
  await refused(t, issue(toPod, node('node-2')), 'Forbidden', /scheduled on a different node/);
  const forAudience = (...audiences: string[]) => issue({ ...toPod, audiences }, node('node-1'));
  t.truthy(await forAudience('vault'));
  await refused(
    t,
    forAudience('other'),
    'Forbidden',
    /audience "other" not found in pod spec volume, system:node:node-1 is not authorized to request tokens for this audience$/,
  );
  await refused(t, forAudience('vault', 'other'), 'Forbidden', /node may only request 0 or 1 audiences$/);
});
