/**
 * The life of an object of every kind, as Kubernetes' conformance tests ask for it ("should support … API operations"), and what each
 * kind's subresource `status` and its DELETE take and answer. The rows are those of the table of kinds.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { allKinds, apiVersionOf, groupVersionPath, type Kind } from '../../../master/api/kinds.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: object; annotations?: object; resourceVersion?: string };
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
const csr = Buffer.from('-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n');
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'x' };

/** What the manifest of the other kinds leaves out. */
const more: Readonly<Record<string, object>> = {
  ConfigMap: { data: { a: 'b' } },
  Secret: { data: { a: 'Yg==' } },
  ServiceAccount: {},
  Service: { spec: { ports: [{ port: 80 }] } },
  Endpoints: { subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80 }] }] },
  Event: { involvedObject: { namespace: 'default' }, message: 'm', reason: 'R', type: 'Normal' },
  Pod: { spec: template.spec },
  ReplicationController: { spec: { replicas: 0, template } },
  Node: {},
  Namespace: {},
  Lease: { spec: { holderIdentity: 'x', leaseDurationSeconds: 30 } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [{ addresses: ['192.0.2.4'] }] },
  Role: { rules: [] },
  ClusterRole: { rules: [] },
  RoleBinding: { roleRef },
  ClusterRoleBinding: { roleRef },
  CertificateSigningRequest: {
    spec: { request: csr.toString('base64'), signerName: 'example.com/life', usages: ['client auth'] },
  },
};

/** Kinds whose objects do not go at once, or not several at a time. */
const lingering = new Set(['Namespace', 'CustomResourceDefinition']);

let api: TestApiServers;
let client: ApiClient;
let manifests: Manifest[];

test.before(async () => {
  api = await startApiServers();
  client = new ApiClient(api.first.kubeconfig, { timeoutMs: 20_000 });
  const file = fileURLToPath(new URL('../../support/one-of-each.yaml', import.meta.url));
  const written = parseAllDocuments(await readFile(file, 'utf8')).map((document): Manifest => document.toJS());
  const others = Object.entries(more).map(([name, rest]) => {
    const kind = allKinds.find((row) => row.kind === name);
    if (!kind) throw new Error(`no kind ${name}`);
    const metadata = { name: `each-${name.toLowerCase()}`, ...(kind.namespaced && { namespace: 'default' }) };
    return { apiVersion: apiVersionOf(kind), kind: name, metadata, ...rest };
  });
  manifests = [...written, ...others];
});

test.after.always(async () => {
  await client?.close();
  await api?.stop();
});

const rowOf = ({ kind, apiVersion }: Manifest): Kind => {
  const row = allKinds.find((other) => other.kind === kind && apiVersionOf(other) === apiVersion);
  if (!row) throw new Error(`no kind ${apiVersion} ${kind}`);
  return row;
};

const pathOf = (kind: Kind): string =>
  `${groupVersionPath(kind)}${kind.namespaced ? '/namespaces/default' : ''}/${kind.resource}`;

const patchTypes = {
  merge: ['application/merge-patch+json', { metadata: { annotations: { merge: '1' } } }],
  strategic: ['application/strategic-merge-patch+json', { metadata: { annotations: { strategic: '1' } } }],
  json: ['application/json-patch+json', [{ op: 'add', path: '/metadata/annotations/json', value: '1' }]],
} as const;

const background = { propagationPolicy: 'Background' };

test('the table of kinds and the objects of this test are the same', (t) => {
  const tested = new Set(manifests.map(({ kind }) => kind));
  t.deepEqual(
    allKinds.map(({ kind }) => kind).filter((kind) => !tested.has(kind)),
    [],
  );
});

test('an object of every kind is made, found, patched, updated and deleted, and a watch tells it in this order', async (t) => {
  // One after the other, because some kinds are rules for others; watches take their time, so they are asked for together.
  const watches: (() => Promise<void>)[] = [];
  for (const manifest of manifests) {
    const kind = rowOf(manifest);
    const of = `${kind.kind}: `;
    const path = pathOf(kind);
    const everywhere = `${groupVersionPath(kind)}/${kind.resource}`;
    const label = `labelSelector=${encodeURIComponent('life=conformance')}`;
    const named = `${path}/${manifest.metadata.name}`;
    const object = { ...manifest, metadata: { ...manifest.metadata, labels: { life: 'conformance' } } };

    const groupVersion = await client.json<Resources>('GET', groupVersionPath(kind));
    const { verbs = [] } = groupVersion.resources.find(({ name }) => name === kind.resource) ?? {};
    const missing = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'].filter(
      (verb) => !verbs.includes(verb),
    );
    t.deepEqual(missing, [], `${of}verbs`);
    if (kind.kind !== 'Namespace') t.true(verbs.includes('deletecollection'), `${of}deletecollection`);

    const before = await client.json<List>('GET', `${everywhere}?limit=1`);
    const made = await client.json<Manifest & { metadata: { uid: string } }>('POST', path, object);
    t.like(JSON.parse((await client.send('POST', path, object)).text), { code: 409, reason: 'AlreadyExists' }, of);
    t.like(await client.json<Manifest>('GET', named), { kind: kind.kind, metadata: { uid: made.metadata.uid } }, of);
    for (const place of [path, everywhere]) {
      const list = await client.json<List>('GET', `${place}?${label}`);
      t.is(list.kind, `${kind.kind}List`);
      t.deepEqual(
        list.items.map(({ metadata }) => metadata.name),
        [manifest.metadata.name],
        `${of}${place}`,
      );
    }
    for (const [name, [type, patch]] of Object.entries(patchTypes)) {
      const patched = await client.json<Manifest>('PATCH', named, patch, type);
      t.like(patched.metadata.annotations, { [name]: '1' }, `${of}${name} patch`);
    }
    const found = await client.json<Manifest>('GET', named);
    const changed = { ...found, metadata: { ...found.metadata, annotations: { updated: '1' } } };
    t.deepEqual((await client.json<Manifest>('PUT', named, changed)).metadata.annotations, { updated: '1' }, of);
    const late = { ...changed, metadata: { ...changed.metadata, annotations: { late: '1' } } };
    t.like(JSON.parse((await client.send('PUT', named, late)).text), { code: 409, reason: 'Conflict' }, of);

    const { status, text } = await client.send('DELETE', named, background);
    t.is(status, 200, `${of}${text}`);
    if (lingering.has(kind.kind)) continue;
    t.is(JSON.parse(text).kind, kind.returnsDeleted ? kind.kind : 'Status', `${of}answer to DELETE`);
    t.is((await client.send('GET', named)).status, 404, of);

    await client.json('POST', path, object);
    const gone = await client.json<List>('DELETE', `${path}?${label}`, background);
    t.deepEqual(
      gone.items.map(({ metadata }) => metadata.name),
      [manifest.metadata.name],
      of,
    );
    t.deepEqual((await client.json<List>('GET', `${path}?${label}`)).items, [], of);

    const since = `resourceVersion=${before.metadata.resourceVersion}&timeoutSeconds=1`;
    watches.push(async () => {
      const events = (await client.send('GET', `${everywhere}?watch=1&${label}&${since}`)).text.trim().split('\n');
      const told = events.map((line): string => JSON.parse(line).type).join(' ');
      // The server itself says of some kinds how they are.
      t.regex(told, /^ADDED( MODIFIED){4,} DELETED ADDED( MODIFIED)* DELETED$/, `${of}watch`);
    });
  }
  await Promise.all(watches.map((watch) => watch()));
});

/** Kinds whose status takes less than all of the metadata along: what of it changes. */
const takenAlong: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['annotations'],
  APIService: [],
  ServiceCIDR: [],
  VolumeAttachment: [],
  ValidatingAdmissionPolicy: [],
  ResourceClaim: [],
  FlowSchema: [],
  PriorityLevelConfiguration: [],
};

test('with its status a kind takes as much of the metadata as Kubernetes lets it, and nothing of the spec', async (t) => {
  await client.json('POST', '/api/v1/namespaces', { metadata: { name: 'reported' } });
  for (const manifest of manifests) {
    const kind = rowOf(manifest);
    if (!kind.subresources.some(({ name }) => name === 'status')) continue;
    const name = kind.kind === 'APIService' ? 'v1.each.example.com' : `${manifest.metadata.name}-reported`;
    const scope = kind.namespaced ? '/namespaces/reported' : '';
    const path = `${groupVersionPath(kind)}${scope}/${kind.resource}`;
    const names = { name, ...(kind.namespaced && { namespace: 'reported' }) };
    if (kind.kind === 'CustomResourceDefinition') continue;
    const made = await client.json<Manifest & { spec?: object }>('POST', path, { ...manifest, metadata: names });
    const metadata = { annotations: { said: '1' }, labels: { said: '1' } };
    const patch = { metadata, spec: { unheard: true } };
    const part = `${path}/${name}/status`;
    const patched = await client.json<typeof made>('PATCH', part, patch, 'application/merge-patch+json');
    const taken = (['annotations', 'labels'] as const).filter((field) => 'said' in (patched.metadata[field] ?? {}));
    t.deepEqual(taken, [...(takenAlong[kind.kind] ?? ['annotations', 'labels'])], kind.kind);
    t.deepEqual(patched.spec, made.spec, kind.kind);
    t.like(await client.json<Manifest>('GET', part), { kind: kind.kind, metadata: { name } }, kind.kind);
    await client.json('DELETE', `${path}/${name}`, background);
  }
});

interface Resources {
  resources: { name: string; verbs: string[] }[];
}

interface List {
  kind: string;
  metadata: { resourceVersion: string };
  items: Manifest[];
}
