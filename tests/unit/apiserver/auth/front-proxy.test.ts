import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createAuthority, issue, type KeyPair } from '../../../../compose/certificates.ts';
import type { ClientConnection } from '../../../../master/apiserver/auth/authenticate.ts';
import { certificatesIn, certificateUser, signedBy } from '../../../../master/apiserver/auth/certificates.ts';
import { trustData } from '../../../../master/apiserver/auth/cluster-trust.ts';
import { frontProxies } from '../../../../master/apiserver/auth/front-proxy.ts';

const clients = await createAuthority('kubernetes');
const proxies = await createAuthority('front-proxy-ca');
const options = {
  authority: proxies.cert,
  allowedNames: ['front-proxy-client'],
  usernameHeaders: ['X-Remote-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraPrefixes: ['X-Remote-Extra-'],
};
const headersDistinct = {
  'x-remote-user': ['jane'],
  'x-remote-uid': ['u-1'],
  'x-remote-group': ['developers', 'a, b'],
  'x-remote-extra-acme.com%2fproject': ['one', 'two'],
};

/** A connection that the server has verified against both authorities. */
async function connectionOf(authority: KeyPair, commonName: string): Promise<ClientConnection> {
  const { cert } = await issue(authority, { commonName, organizations: ['system:masters'], usages: ['client'] });
  const certificate = new X509Certificate(cert);
  const { subject, valid_to, fingerprint256 } = certificate.toLegacyObject();
  return {
    authorized: true,
    getPeerCertificate: (() => ({
      subject,
      valid_to,
      fingerprint256,
    })) as unknown as ClientConnection['getPeerCertificate'],
    getPeerX509Certificate: () => certificate,
  };
}

const ask = (connection: ClientConnection, headers: NodeJS.Dict<string[]> = headersDistinct) =>
  frontProxies(options)({ connection, request: { headersDistinct: headers }, authorization: undefined });

test('a front proxy says in headers who asks', async (t) => {
  t.deepEqual(ask(await connectionOf(proxies, 'front-proxy-client')), {
    name: 'jane',
    uid: 'u-1',
    groups: ['developers', 'a, b', 'system:authenticated'],
    extra: { 'acme.com/project': ['one', 'two'] },
  });
});

test('nobody else is believed, whatever the headers say', async (t) => {
  t.is(ask(await connectionOf(clients, 'front-proxy-client')), undefined);
  t.is(ask(await connectionOf(proxies, 'other')), undefined);
  t.is(ask(await connectionOf(proxies, 'front-proxy-client'), {}), undefined);
});

test("a front proxy's certificate makes nobody a user", async (t) => {
  const isClient = signedBy(clients.cert);
  const client = await connectionOf(clients, 'ann');
  t.is(certificateUser(client, Date.now(), isClient)?.name, 'ann');
  const proxy = await connectionOf(proxies, 'front-proxy-client');
  t.throws(() => certificateUser(proxy, Date.now(), isClient), { message: 'Unauthorized' });
});

test('what is published names the authorities of all servers, but for those that have run out', async (t) => {
  const other = await createAuthority('other');
  const past = await createAuthority('past', 1);
  const inTwoYears = Date.now() + 2 * 365 * 24 * 3_600_000;
  const before = {
    'client-ca-file': past.cert + other.cert,
    'requestheader-allowed-names': '["elsewhere"]',
    'requestheader-group-headers': 'no list',
  };
  const data = trustData({ clientAuthority: clients.cert, frontProxy: options }, before, inTwoYears);
  t.deepEqual(certificatesIn(data['client-ca-file'] ?? ''), [
    ...certificatesIn(other.cert),
    ...certificatesIn(clients.cert),
  ]);
  t.deepEqual(certificatesIn(data['requestheader-client-ca-file'] ?? ''), certificatesIn(proxies.cert));
  t.is(data['requestheader-allowed-names'], '["elsewhere","front-proxy-client"]');
  t.is(data['requestheader-group-headers'], '["X-Remote-Group"]');
  t.is(data['requestheader-extra-headers-prefix'], '["X-Remote-Extra-"]');
  t.deepEqual(trustData({ clientAuthority: clients.cert, frontProxy: options }, data, inTwoYears), data);
});
