import test from 'ava';
import type { ClientConnection } from '../../../../master/apiserver/auth/authenticate.ts';
import { certificateUser } from '../../../../master/apiserver/auth/certificates.ts';

/** A connection whose client showed a certificate with this subject, valid through 2026. */
function connection(subject: Record<string, string | string[]>, authorized = true): ClientConnection {
  const certificate = { subject, valid_to: 'Dec 31 23:59:59 2026 GMT', fingerprint256: '0A:FF' };
  return {
    authorized,
    getPeerCertificate: (() => certificate) as unknown as ClientConnection['getPeerCertificate'],
    getPeerX509Certificate: () => undefined,
  };
}

const in2026 = Date.parse('2026-06-01T00:00:00Z');

test('the common name is the user, the organizations are its groups, and the fingerprint is its credential', (t) => {
  t.deepEqual(certificateUser(connection({ CN: 'system:node:node-1', O: 'system:nodes' }), in2026), {
    name: 'system:node:node-1',
    groups: ['system:nodes', 'system:authenticated'],
    extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=0aff'] },
  });
  t.deepEqual(certificateUser(connection({ CN: 'ann', O: ['a', 'b'] }), in2026)?.groups, [
    'a',
    'b',
    'system:authenticated',
  ]);
});

test('a uid in the subject is the user’s, if there is one', (t) => {
  const uidAttribute = '1.3.6.1.4.1.57683.2';
  t.is(certificateUser(connection({ CN: 'ann', [uidAttribute]: 'u-1' }), in2026)?.uid, 'u-1');
  for (const uid of ['', ['u-1', 'u-2']]) {
    t.throws(() => certificateUser(connection({ CN: 'ann', [uidAttribute]: uid }), in2026), {
      message: 'Unauthorized',
    });
  }
});

test('a connection without a certificate has no user', (t) => {
  const none = (() => ({})) as unknown as ClientConnection['getPeerCertificate'];
  t.is(certificateUser({ ...connection({}, false), getPeerCertificate: none }, in2026), undefined);
});

test('a certificate that another authority signed is refused', (t) => {
  t.throws(() => certificateUser(connection({ CN: 'ann' }, false), in2026), { message: 'Unauthorized' });
});

test('a certificate that runs out while its connection lives is refused from then on', (t) => {
  const living = connection({ CN: 'ann' });
  t.is(certificateUser(living, in2026)?.name, 'ann');
  t.throws(() => certificateUser(living, Date.parse('2027-01-01T00:00:01Z')), { message: 'Unauthorized' });
});
