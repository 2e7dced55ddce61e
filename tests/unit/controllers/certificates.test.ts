import { X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import test from 'ava';
import { createAuthority } from '../../../compose/certificates.ts';
import type { CertificateSigningRequest } from '../../../master/api/types.ts';
import { outlived } from '../../../master/controllers/certificates/csr-cleaner.ts';
import {
  certificateDurationMs,
  judge,
  type NodeNames,
  type Requester,
  type RequestFacts,
  signerProblem,
  signers,
} from '../../../master/controllers/certificates/rules.ts';
import { readRequest, signRequest } from '../../../master/controllers/certificates/x509.ts';
import { at } from './objects.ts';

const facts: RequestFacts = {
  commonName: 'system:node:node-1',
  organizations: ['system:nodes'],
  otherSubject: false,
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};
const serving: RequestFacts = { ...facts, dnsNames: ['node-1'], ipAddresses: ['172.20.0.5'] };
const bootstrapper: Requester = {
  username: 'system:bootstrap:abcdef',
  groups: ['system:bootstrappers', 'system:authenticated'],
  signerName: signers.kubeletClient,
  usages: ['digital signature', 'client auth'],
};
const itself: Requester = {
  username: 'system:node:node-1',
  groups: ['system:nodes', 'system:authenticated'],
  signerName: signers.kubeletServing,
  usages: ['digital signature', 'key encipherment', 'server auth'],
};
const names: NodeNames = {
  addresses: ['172.20.0.5', 'node-1'],
  foreignAddresses: new Set(['172.20.0.2', '127.0.0.1']),
  reservedNames: new Set(['master-1', 'kubernetes', 'localhost']),
};

test('a bootstrapper and the node itself get the client certificate of a kubelet', (t) => {
  t.is(judge(facts, bootstrapper, names).verdict, 'approve');
  const renewal = { ...itself, signerName: signers.kubeletClient, usages: bootstrapper.usages };
  t.is(judge(facts, renewal, names).verdict, 'approve');
  t.is(judge({ ...facts, commonName: 'system:node:node-2' }, renewal, names).verdict, 'wait');
  t.is(judge(facts, { ...bootstrapper, groups: ['system:authenticated'] }, names).verdict, 'wait');
});

const badClients: [string, Partial<RequestFacts>, Partial<Requester>][] = [
  ['a common name that is no node', { commonName: 'admin' }, {}],
  ['an empty node name', { commonName: 'system:node:' }, {}],
  ['another organization', { organizations: ['system:masters'] }, {}],
  ['one more organization', { organizations: ['system:nodes', 'system:masters'] }, {}],
  ['more in the subject', { otherSubject: true }, {}],
  ['a DNS name', { dnsNames: ['node-1'] }, {}],
  ['an address', { ipAddresses: ['10.0.0.1'] }, {}],
  ['a mail address', { emailAddresses: ['a@b'] }, {}],
  ['a URI', { uris: ['spiffe://x'] }, {}],
  ['server auth', {}, { usages: ['digital signature', 'client auth', 'server auth'] }],
  ['no client auth', {}, { usages: ['digital signature'] }],
  ['certificate signing', {}, { usages: ['digital signature', 'client auth', 'cert sign'] }],
];
for (const [what, wrong, asked] of badClients) {
  test(`a kubelet's client request with ${what} is neither approved nor signed`, (t) => {
    const requester = { ...bootstrapper, ...asked };
    t.is(judge({ ...facts, ...wrong }, requester, names).verdict, 'wait');
    t.truthy(signerProblem(signers.kubeletClient, { ...facts, ...wrong }, requester));
  });
}

test("a node gets a serving certificate for its own name and addresses, and for nobody else's", (t) => {
  const verdict = (
    wrong: Partial<RequestFacts>,
    who: Partial<Requester> = {},
    known: Partial<NodeNames> = {},
  ): string => judge({ ...serving, ...wrong }, { ...itself, ...who }, { ...names, ...known }).verdict;
  t.is(verdict({}), 'approve');
  t.is(verdict({ ipAddresses: [] }, {}, { addresses: undefined }), 'approve', 'its name alone needs no Node');
  t.is(verdict({}, {}, { addresses: undefined }), 'wait', 'addresses need the Node');
  t.is(verdict({ dnsNames: ['node-1', 'kubernetes'] }), 'wait');
  t.is(verdict({ ipAddresses: ['172.20.0.9'] }), 'wait');
  t.is(verdict({ ipAddresses: ['172.20.0.2'] }, {}, { addresses: ['172.20.0.2'] }), 'wait', "an API server's address");
  t.is(verdict({ dnsNames: [], ipAddresses: [] }), 'wait');
  t.is(verdict({}, { username: 'system:node:node-2' }), 'wait');
  t.is(verdict({}, { groups: ['system:bootstrappers'] }), 'wait');
  t.is(verdict({}, { usages: ['digital signature', 'client auth'] }), 'wait');
});

test('a node that is called like an API server gets no serving certificate', (t) => {
  const master = { ...serving, commonName: 'system:node:master-1', dnsNames: ['master-1'], ipAddresses: [] };
  t.is(judge(master, { ...itself, username: 'system:node:master-1' }, names).verdict, 'wait');
});

test('a node is kube-proxy when it asks to be, and nobody else is', (t) => {
  const asked = { ...itself, signerName: signers.client, usages: bootstrapper.usages };
  const proxy = { ...facts, commonName: 'system:kube-proxy', organizations: [] };
  t.is(judge(proxy, asked, names).verdict, 'approve');
  t.is(signerProblem(signers.client, proxy, asked), undefined);
  t.is(judge(proxy, { ...asked, username: 'jane', groups: ['system:authenticated'] }, names).verdict, 'wait');
  t.is(judge(proxy, { ...asked, usages: ['server auth'] }, names).verdict, 'wait');
  for (const wrong of [
    { commonName: 'jane' },
    { organizations: ['dev'] },
    { dnsNames: ['a'] },
    { otherSubject: true },
  ]) {
    t.is(judge({ ...proxy, ...wrong }, asked, names).verdict, 'wait');
  }
});

test('requests for other signers are left to people, and none may give away the masters group', (t) => {
  const asked = { ...bootstrapper, signerName: signers.client };
  t.is(judge(facts, asked, names).verdict, 'wait');
  t.truthy(signerProblem(signers.client, { ...facts, organizations: ['system:masters'] }, asked));
  t.is(signerProblem(signers.client, { ...facts, commonName: 'jane', organizations: ['dev'] }, asked), undefined);
});

test('the life of a certificate is what was asked, within ten minutes and the limit', (t) => {
  t.is(certificateDurationMs(undefined, 9_000_000), 9_000_000);
  t.is(certificateDurationMs(3_600, 9_000_000), 3_600_000);
  t.is(certificateDurationMs(60, 9_000_000), 600_000);
  t.is(certificateDurationMs(99_999_999, 9_000_000), 9_000_000);
});

test('a signed certificate is trusted by the authority and carries the subject, names and usages that were asked', async (t) => {
  const authority = await createAuthority('kubernetes');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs10 = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['system:nodes'] }, { CN: ['system:node:node-1'] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'node-1' },
        { type: 'ip', value: '172.20.0.5' },
      ]),
    ],
  });
  const request = Buffer.from(pkcs10.toString('pem')).toString('base64');
  t.deepEqual(await readRequest(request), serving);
  const now = Date.now();
  const pem = await signRequest({
    request,
    usages: itself.usages,
    durationMs: 3_600_000,
    caCert: authority.cert,
    caKey: authority.key,
    now,
  });
  const certificate = new X509Certificate(pem);
  t.true(certificate.verify(new X509Certificate(authority.cert).publicKey));
  t.true(certificate.checkIssued(new X509Certificate(authority.cert)));
  t.is(certificate.subject, 'O=system:nodes\nCN=system:node:node-1');
  t.is(certificate.subjectAltName, 'DNS:node-1, IP Address:172.20.0.5');
  t.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  t.false(certificate.ca);
  t.true(Math.abs(Date.parse(certificate.validTo) - now - 3_600_000) < 2_000);
});

test('a certificate never outlives the authority that signed it', async (t) => {
  const authority = await createAuthority('kubernetes', 1);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs10 = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=a',
    keys,
    signingAlgorithm: algorithm,
  });
  const request = Buffer.from(pkcs10.toString('pem')).toString('base64');
  const order = { request, usages: ['client auth'], caCert: authority.cert, caKey: authority.key, now: Date.now() };
  const pem = await signRequest({ ...order, durationMs: 20 * 365 * 24 * 3_600_000 });
  t.is(new X509Certificate(pem).validTo, new X509Certificate(authority.cert).validTo);
});

test("a person's certificate needs no usage but client auth", (t) => {
  const facts = { ...serving, commonName: 'ann', organizations: ['dev'], dnsNames: [], ipAddresses: [] };
  const problem = (...usages: string[]) => signerProblem(signers.client, facts, { ...itself, usages });
  t.is(problem('client auth'), undefined);
  t.is(problem('client auth', 'digital signature', 'key encipherment'), undefined);
  t.regex(problem('digital signature') ?? '', /usages did not match/);
  t.regex(problem('client auth', 'server auth') ?? '', /usages did not match/);
});

test('a request that is no request, or whose signature is wrong, is refused', async (t) => {
  await t.throwsAsync(readRequest(Buffer.from('hello').toString('base64')), { message: /CERTIFICATE REQUEST/ });
  await t.throwsAsync(readRequest(undefined));
});

test('certificate requests go when nobody needs them any more', (t) => {
  const hour = 3_600_000;
  const csr = (type: string | undefined, certificate?: string): CertificateSigningRequest => ({
    metadata: { name: 'a', creationTimestamp: at(0) },
    spec: { request: '', signerName: signers.kubeletClient },
    status: {
      ...(type && { conditions: [{ type, status: 'True', lastUpdateTime: at(0) }] }),
      ...(certificate && { certificate }),
    },
  });
  t.is(outlived(csr(undefined), 23 * hour), undefined);
  t.is(outlived(csr(undefined), 25 * hour), 'pending for too long');
  t.is(outlived(csr('Denied'), 2 * hour), 'denied');
  t.is(outlived(csr('Approved', 'eA=='), hour / 2), undefined);
  t.is(outlived(csr('Approved', 'eA=='), 2 * hour), 'issued');
});
