import test from 'ava';
import type { Secret } from '../../../../master/api/types.ts';
import { anonymous, createAuthenticator } from '../../../../master/apiserver/auth/authenticate.ts';
import { bootstrapTokens, staticTokens } from '../../../../master/apiserver/auth/tokens.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64');
const fields = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
  'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token,system:masters',
};

function secret(changes: Record<string, string> = {}): Secret {
  const data = Object.entries({ ...fields, ...changes }).map(([name, value]) => [name, encode(value)]);
  return { type: 'bootstrap.kubernetes.io/token', data: Object.fromEntries(data) };
}

const now = Date.parse('2026-01-01T00:00:00Z');
const check = (stored: Secret | undefined, token: string) =>
  bootstrapTokens(
    async (name) => (name === 'bootstrap-token-abcdef' ? stored : undefined),
    () => now,
  )(token);

test('a bootstrap token makes its bearer a bootstrapper, and no more', async (t) => {
  t.deepEqual(await check(secret(), 'abcdef.0123456789abcdef'), {
    name: 'system:bootstrap:abcdef',
    groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token'],
  });
});

test('a bootstrap token that is wrong, spent or not for authentication is nobody', async (t) => {
  const token = 'abcdef.0123456789abcdef';
  t.is(await check(secret(), 'abcdef.0123456789abcdeX'.toLowerCase()), undefined);
  t.is(await check(undefined, token), undefined);
  t.is(await check(secret({ expiration: '2025-12-31T23:59:59Z' }), token), undefined);
  t.is(await check(secret({ 'usage-bootstrap-authentication': 'false' }), token), undefined);
  t.is(await check({ ...secret(), type: 'Opaque' }, token), undefined);
  t.is(await check(secret(), 'something'), undefined);
});

test('static tokens are lines of a file, and a wrong line is named', async (t) => {
  const find = staticTokens('t1,ann,1,"a,b"\n\nt2,bob,2\n');
  t.deepEqual(await find('t1'), { name: 'ann', uid: '1', groups: ['a', 'b'] });
  t.deepEqual(await find('t2'), { name: 'bob', uid: '2', groups: [] });
  t.is(await find('t3'), undefined);
  t.throws(() => staticTokens('t1,ann,1\nonly-a-token\n'), { message: /line 2/ });
});

test('a request without credentials is anonymous, and one with a token that nobody knows is refused', async (t) => {
  const authenticate = createAuthenticator({ certificate: () => undefined, tokens: [staticTokens('t1,ann,')] });
  const unasked = (): never => t.fail() as never;
  const connection = { authorized: false, getPeerCertificate: unasked, getPeerX509Certificate: unasked };
  const request = { headersDistinct: {} };
  t.is(await authenticate({ connection, request, authorization: undefined }), anonymous);
  t.deepEqual(await authenticate({ connection, request, authorization: 'Bearer t1' }), {
    name: 'ann',
    groups: ['system:authenticated'],
  });
  await t.throwsAsync(async () => authenticate({ connection, request, authorization: 'Bearer x' }), {
    message: 'Unauthorized',
  });
});
