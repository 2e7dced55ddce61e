/** Namespaces, owners and dependents, accounts and certificates, against a real API server over real etcd. */
import { X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import test from 'ava';
import type { Client } from '../../../master/api/client.ts';
import { isNotFound } from '../../../master/api/errors.ts';
import { servedKind } from '../../../master/api/served-kind.ts';
import type { OwnerReference, ResourceName } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { PaperNodes, replicationController } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let client: Client;

test.before(async () => {
  plane = await ControlPlane.start();
  client = plane.client;
  nodes = await new PaperNodes(client).start('node-1');
  await (await plane.startControllers()).untilLeading();
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

async function gone(resource: ResourceName, name: string, namespace?: string): Promise<void> {
  await within(
    15,
    () =>
      client.get(resource, { ...(namespace && { namespace }), name }).then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    (isGone) => isGone,
  );
}

const configMap = (namespace: string, name: string, ownerReferences: OwnerReference[] = []) =>
  client.create('configmaps', { metadata: { namespace, name, ownerReferences } });

async function family(namespace: string, blockOwnerDeletion = false) {
  await client.create('namespaces', { metadata: { name: namespace } });
  const owner = await configMap(namespace, 'owner');
  const uid = owner.metadata?.uid ?? '';
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion };
  const child = await configMap(namespace, 'child', [reference]);
  const childReference = { ...reference, name: 'child', uid: child.metadata?.uid ?? '' };
  await configMap(namespace, 'grandchild', [childReference]);
  return reference;
}

test('what an owner leaves behind is deleted after it, generation by generation', async (t) => {
  await family('background');
  await client.delete('configmaps', { namespace: 'background', name: 'owner' }, { propagationPolicy: 'Background' });
  await gone('configmaps', 'child', 'background');
  await gone('configmaps', 'grandchild', 'background');
  t.pass();
});

test('an owner deleted in the foreground goes after its dependents', async (t) => {
  await family('foreground', true);
  const patch = { metadata: { finalizers: ['example.com/hold'] } };
  const child = { namespace: 'foreground', name: 'child' };
  await client.patch('configmaps', child, patch, { type: 'merge' });
  await client.delete('configmaps', { namespace: 'foreground', name: 'owner' }, { propagationPolicy: 'Foreground' });
  await within(
    15,
    () => client.get('configmaps', child),
    ({ metadata }) => metadata?.deletionTimestamp !== undefined,
  );
  const owner = await client.get('configmaps', { namespace: 'foreground', name: 'owner' });
  t.deepEqual(owner.metadata?.finalizers, ['foregroundDeletion']);
  await client.patch('configmaps', child, { metadata: { finalizers: null } }, { type: 'merge' });
  await gone('configmaps', 'owner', 'foreground');
  await gone('configmaps', 'grandchild', 'foreground');
});

test('orphans lose the reference to their owner and live', async (t) => {
  await family('orphan');
  await client.delete('configmaps', { namespace: 'orphan', name: 'owner' }, { propagationPolicy: 'Orphan' });
  await gone('configmaps', 'owner', 'orphan');
  const child = await client.get('configmaps', { namespace: 'orphan', name: 'child' });
  t.deepEqual(child.metadata?.ownerReferences ?? [], []);
  await client.get('configmaps', { namespace: 'orphan', name: 'grandchild' });
});

test('an owner made anew under the same name is not the owner', async (t) => {
  await client.create('namespaces', { metadata: { name: 'impostor' } });
  await configMap('impostor', 'owner');
  const stale = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: '00000000-0000-4000-8000-000000000000' };
  await configMap('impostor', 'child', [stale]);
  await gone('configmaps', 'child', 'impostor');
  await client.get('configmaps', { namespace: 'impostor', name: 'owner' });
  t.pass();
});

test('an object with an owner of an unknown kind is left alone, one with another living owner keeps that', async (t) => {
  await client.create('namespaces', { metadata: { name: 'partly' } });
  const living = await configMap('partly', 'living');
  const uid = living.metadata?.uid ?? '';
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'living', uid };
  const dead = { ...reference, name: 'dead', uid: '00000000-0000-4000-8000-000000000001' };
  await configMap('partly', 'child', [reference, dead]);
  await configMap('partly', 'foreign', [{ ...dead, apiVersion: 'nobody.example.com/v1', kind: 'Unheard' }]);
  const child = await within(
    15,
    () => client.get('configmaps', { namespace: 'partly', name: 'child' }),
    ({ metadata }) => metadata?.ownerReferences?.length === 1,
  );
  t.is(child.metadata?.ownerReferences?.[0]?.name, 'living');
  await client.get('configmaps', { namespace: 'partly', name: 'foreign' });
});

test('the pods of a deleted replication controller go with it', async (t) => {
  await client.create('namespaces', { metadata: { name: 'cascade' } });
  await client.create('replicationcontrollers', replicationController('web', 5, { namespace: 'cascade' }));
  const pods = () => client.list('pods', { namespace: 'cascade' });
  await within(15, pods, ({ items }) => items.length === 5);
  const propagationPolicy = 'Background';
  await client.delete('replicationcontrollers', { namespace: 'cascade', name: 'web' }, { propagationPolicy });
  await within(15, pods, ({ items }) => items.length === 0);
  t.pass();
});

test('a deleted namespace is emptied and goes', async (t) => {
  await client.create('namespaces', { metadata: { name: 'doomed' } });
  await client.create('replicationcontrollers', replicationController('web', 5, { namespace: 'doomed' }));
  await configMap('doomed', 'held');
  const held = { namespace: 'doomed', name: 'held' };
  await client.patch('configmaps', held, { metadata: { finalizers: ['example.com/hold'] } }, { type: 'merge' });
  await within(
    15,
    () => client.list('pods', { namespace: 'doomed' }),
    ({ items }) => items.length === 5,
  );
  await client.delete('namespaces', { name: 'doomed' });
  const waiting = await within(
    15,
    () => client.get('namespaces', { name: 'doomed' }),
    ({ status }) =>
      status?.conditions?.find(({ type }) => type === 'NamespaceFinalizersRemaining')?.status === 'True' &&
      status.conditions.some(({ message }) => message?.includes('configmaps has 1 resource instances')),
  );
  t.is(waiting.status?.phase, 'Terminating');
  await client.patch('configmaps', held, { metadata: { finalizers: null } }, { type: 'merge' });
  await gone('namespaces', 'doomed');
  t.is((await client.list('pods', { namespace: 'doomed' })).items.length, 0);
});

test('every namespace has a default service account and the authority of the API server', async (t) => {
  await client.create('namespaces', { metadata: { name: 'furnished' } });
  const account = { namespace: 'furnished', name: 'default' };
  const authority = { namespace: 'furnished', name: 'kube-root-ca.crt' };
  const found = async () => [await client.get('serviceaccounts', account), await client.get('configmaps', authority)];
  await within(10, found, () => true);
  const config = await client.get('configmaps', authority);
  t.is(config.data?.['ca.crt'], plane.authority.cert);
  await client.delete('serviceaccounts', account);
  await client.patch('configmaps', authority, { data: { 'ca.crt': 'tampered' } }, { type: 'merge' });
  await within(
    10,
    found,
    ([, map]) => map !== undefined && 'data' in map && map.data?.['ca.crt'] === plane.authority.cert,
  );
});

async function pkcs10(commonName: string, dns: string[] = []): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const names = dns.map((value) => ({ type: 'dns' as const, value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ O: ['system:nodes'] }, { CN: [commonName] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : [],
  });
  return Buffer.from(request.toString('pem')).toString('base64');
}

test('a bootstrapping node gets its client certificate, and then one to serve with', async (t) => {
  const bootstrapper = await plane.clientAs('system:bootstrap:abcdef', 'system:bootstrappers');
  t.teardown(() => bootstrapper.close());
  await bootstrapper.create('certificatesigningrequests', {
    metadata: { name: 'client' },
    spec: {
      request: await pkcs10('system:node:node-9'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
      expirationSeconds: 7_200,
    },
  });
  const issued = await within(
    10,
    () => bootstrapper.get('certificatesigningrequests', { name: 'client' }),
    ({ status }) => Boolean(status?.certificate),
  );
  t.is(issued.status?.conditions?.[0]?.reason, 'AutoApproved');
  const certificate = new X509Certificate(Buffer.from(issued.status?.certificate ?? '', 'base64'));
  t.true(certificate.verify(new X509Certificate(plane.authority.cert).publicKey));
  t.is(certificate.subject, 'O=system:nodes\nCN=system:node:node-9');

  const kubelet = await plane.clientAs('system:node:node-9', 'system:nodes');
  t.teardown(() => kubelet.close());
  const serving = { signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] };
  await kubelet.create('certificatesigningrequests', {
    metadata: { name: 'serving' },
    spec: { request: await pkcs10('system:node:node-9', ['node-9']), ...serving },
  });
  await kubelet.create('certificatesigningrequests', {
    metadata: { name: 'greedy' },
    spec: { request: await pkcs10('system:node:node-9', ['node-9', 'kubernetes']), ...serving },
  });
  await within(
    10,
    () => kubelet.get('certificatesigningrequests', { name: 'serving' }),
    ({ status }) => Boolean(status?.certificate),
  );
  const greedy = await kubelet.get('certificatesigningrequests', { name: 'greedy' });
  t.deepEqual([greedy.status?.conditions ?? [], greedy.status?.certificate ?? ''], [[], '']);
});

test('what a person approves against the rules of its signer fails and is not signed', async (t) => {
  await client.create('certificatesigningrequests', {
    metadata: { name: 'wrong' },
    spec: {
      request: await pkcs10('system:node:node-9', ['node-9']),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
  });
  const csr = await client.get('certificatesigningrequests', { name: 'wrong' });
  const condition = { type: 'Approved', status: 'True', reason: 'Person', message: '' };
  await client.update(
    'certificatesigningrequests',
    { ...csr, status: { conditions: [condition] } },
    { subresource: 'approval' },
  );
  const failed = await within(
    10,
    () => client.get('certificatesigningrequests', { name: 'wrong' }),
    ({ status }) => status?.conditions?.length === 2,
  );
  t.like(failed.status?.conditions?.[1], { type: 'Failed', reason: 'SignerValidationFailure' });
  t.falsy(failed.status?.certificate);
});

test('custom resources own and are owned, and go with their namespace', async (t) => {
  const names = { plural: 'widgets', kind: 'Widget' };
  const schema = { openAPIV3Schema: { type: 'object' } };
  await client.create('customresourcedefinitions', {
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  const definition = await within(
    15,
    () => client.get('customresourcedefinitions', { name: 'widgets.example.com' }),
    (found) => servedKind(found) !== undefined,
  );
  const widgets = servedKind(definition);
  if (!widgets) return t.fail('not served');
  await client.create('namespaces', { metadata: { name: 'custom' } });
  const widget = async (name: string, ownerReferences: OwnerReference[] = []): Promise<OwnerReference> => {
    const body = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, ownerReferences } };
    await client.request({ method: 'POST', path: '/apis/example.com/v1/namespaces/custom/widgets', body });
    const { metadata } = await client.get(widgets, { namespace: 'custom', name });
    return { apiVersion: 'example.com/v1', kind: 'Widget', name, uid: metadata?.uid ?? '' };
  };
  const owner = await widget('owner');
  await widget('child', [owner]);
  await configMap('custom', 'grandchild', [owner]);
  await client.delete(widgets, { namespace: 'custom', name: 'owner' }, { propagationPolicy: 'Foreground' });
  await gone('configmaps', 'grandchild', 'custom');
  await within(
    15,
    () => client.list(widgets, { namespace: 'custom' }),
    ({ items }) => items.length === 0,
  );
  await widget('last');
  await client.delete('namespaces', { name: 'custom' });
  await gone('namespaces', 'custom');
  t.is((await client.list(widgets)).items.length, 0);
});
