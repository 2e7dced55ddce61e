import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'reflect-metadata';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import test from 'ava';
import { createAuthority, issue } from '../../../compose/certificates.ts';
import { isFor, readPair, renewalTime, validityOf, writePair } from '../../../node/certificates/certificate-store.ts';
import { newRequest } from '../../../node/certificates/csr.ts';

test('a request carries the subject and the names of the node', async (t) => {
  const names = { commonName: 'system:node:node-1', organization: 'system:nodes', dns: ['node-1'], ips: ['10.0.0.1'] };
  const { request, key } = await newRequest(names);
  const parsed = new Pkcs10CertificateRequest(request);
  t.is(parsed.subject, 'O=system:nodes, CN=system:node:node-1');
  t.true(await parsed.verify());
  t.regex(key, /^-----BEGIN PRIVATE KEY-----/);
});

test('a pair is kept in one file that only its owner reads', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'trimaster-pair-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'sub', 'pair.pem');
  t.is(await readPair(path), undefined);
  const pair = await issue(await createAuthority('test'), { commonName: 'a', organizations: [], usages: ['client'] });
  await writePair(path, pair);
  t.deepEqual((await readPair(path))?.cert.trim(), pair.cert.trim());
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test('a certificate for other names, or of another authority, is not good', async (t) => {
  const ours = await createAuthority('ours');
  const other = await createAuthority('other');
  const { cert } = await issue(ours, {
    commonName: 'a',
    organizations: [],
    usages: ['server'],
    names: ['node-1', '10.0.0.1'],
  });
  t.true(isFor(cert, { dns: ['node-1'], ips: ['10.0.0.1'], ca: ours.cert }));
  t.false(isFor(cert, { ips: ['10.0.0.2'] }));
  t.false(isFor(cert, { dns: ['node-2'] }));
  t.false(isFor(cert, { ca: other.cert }));
});

test('a certificate is renewed between seven and nine tenths of its life', async (t) => {
  const validity = { from: 1_000, to: 2_000 };
  t.deepEqual([renewalTime(validity, 0), renewalTime(validity, 0.999)].map(Math.round), [1_700, 1_900]);
  const pair = await issue(await createAuthority('test'), { commonName: 'a', organizations: [], usages: ['client'] });
  const { from, to } = validityOf(pair.cert);
  t.true(from < Date.now() && Date.now() < to);
});
