/**
 * Every subresource that can be written, of every kind: what holds for writes of objects holds for them. The rows are those of the
 * table of kinds, so a subresource that is added there is tested here.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { fenceHeader, formatFence } from '../../../master/api/fence.ts';
import { allKinds, groupVersionPath, type Kind } from '../../../master/api/kinds.ts';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { within } from '../../support/within.ts';

const manifest = fileURLToPath(new URL('../../support/one-of-each.yaml', import.meta.url));
const resources = { limits: { memory: '10Mi' } };
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'x', resources }] } };
const certificateRequest = Buffer.from(
  '-----BEGIN CERTIFICATE REQUEST-----\neA==\n-----END CERTIFICATE REQUEST-----\n',
).toString('base64');

/** What the manifest leaves out. */
const more: readonly (readonly [path: string, object: object])[] = [
  ['/api/v1/nodes', { metadata: { name: 'n' } }],
  ['/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } }],
  ['/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: template.spec }],
  ['/api/v1/namespaces/default/replicationcontrollers', { metadata: { name: 'r' }, spec: { replicas: 0, template } }],
  [
    '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    {
      metadata: { name: 'c' },
      spec: { request: certificateRequest, signerName: 'example.com/signer', usages: ['client auth'] },
    },
  ],
  [
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases',
    { metadata: { name: 'l' }, spec: { leaseTransitions: 2 } },
  ],
];

/** Bodies of the subresources that are created. */
const bodies: Readonly<Record<string, object>> = {
  binding: { target: { name: 'n' } },
  eviction: {},
  token: { spec: { audiences: ['a'] } },
};

const condition = { type: 'Changed', status: 'True', reason: 'Changed', message: '' };
const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];

/** Changes of the statuses that take nothing of the metadata along. */
const statuses: Readonly<Record<string, object>> = {
  apiservices: { conditions },
  servicecidrs: { conditions },
  validatingadmissionpolicies: { conditions },
  flowschemas: { conditions },
  prioritylevelconfigurations: { conditions },
  volumeattachments: { attached: true },
  resourceclaims: { reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] },
};

interface Write {
  readonly what: string;
  /** The object that the subresource is of. */
  readonly parent: string;
  readonly send: (options: {
    query?: string;
    more?: object;
    headers?: Record<string, string>;
  }) => ReturnType<ApiClient['send']>;
  readonly connects: boolean;
  readonly keeps: boolean;
}

test('a write of any subresource is admitted, fenced, checked, recorded, and not done when it is dry', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-sub-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const [policyFile, log] = [join(dir, 'policy.yaml'), join(dir, 'audit.log')];
  const rules = [
    { level: 'None', verbs: ['get', 'list', 'watch'] },
    { level: 'Request', omitStages: ['RequestReceived'] },
  ];
  await writeFile(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
  const api = await startApiServers({
    extraArgs: ['--audit-policy-file', policyFile, '--audit-log-path', log],
  });
  t.teardown(api.stop);
  const client = new ApiClient(api.first.kubeconfig);
  t.teardown(() => client.close());
  for (const [path, object] of more) await client.json('POST', path, object);
  await new Kubectl(api.first.kubeconfig).run('create', '-f', manifest);

  const writes = (await Promise.all(allKinds.map((kind) => writesOf(client, kind)))).flat();
  t.true(writes.length > 80, `${writes.length}`);
  const revisionOf = async (path: string): Promise<string> =>
    (await client.json<{ metadata: { resourceVersion: string } }>('GET', path)).metadata.resourceVersion;

  const stale = { [fenceHeader]: formatFence({ namespace: 'kube-system', lease: 'l', generation: 1 }) };
  const faults: string[] = [];
  for (const { what, parent, send, connects, keeps } of writes) {
    if (connects) continue;
    const before = await revisionOf(parent);
    const expect = async (wanted: RegExp, options: Parameters<Write['send']>[0]): Promise<void> => {
      const { status, text } = await send(options);
      if (!wanted.test(`${status} ${text}`)) faults.push(`${what} ${JSON.stringify(options)}: ${status} ${text}`);
    };
    await expect(/^20/, { query: 'dryRun=All' });
    const unknown = /strict decoding error: unknown field \\"nonsense\\"/;
    await expect(unknown, { query: 'dryRun=All&fieldValidation=Strict', more: { nonsense: 1 } });
    await expect(/dryRun: Unsupported value: \\"Some\\"/, { query: 'dryRun=Some' });
    if (keeps) await expect(/^409 .*fenced off/, { headers: stale });
    if ((await revisionOf(parent)) !== before) faults.push(`${what}: it was written`);
  }
  t.deepEqual(faults, []);

  const name = 'deny';
  const group = '/apis/admissionregistration.k8s.io/v1';
  const resourceRules = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }];
  await client.json('POST', `${group}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: { matchConstraints: { resourceRules }, validations: [{ expression: 'false' }] },
  });
  await client.json('POST', `${group}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
  const create = () => client.send('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', { metadata: { name } });
  await within(30, create, ({ status }) => status === 422);
  for (const { what, parent, send, connects } of writes) {
    const { status, text } = await send({});
    // Nobody could take back a policy that is asked about itself.
    if (parent.startsWith(group)) t.true(status < 300, `${what}: ${text}`);
    else t.regex(text, /ValidatingAdmissionPolicy 'deny' with binding 'deny' denied request/, what);
    if (!connects && !parent.startsWith(group)) t.is(status, 422, what);
  }

  await api.first.end('SIGTERM');
  const events = (await readFile(log, 'utf8')).trimEnd().split('\n');
  const recorded = new Set(
    events.map((line) => {
      const { verb, objectRef: ref = {} } = JSON.parse(line);
      return `${verb} ${ref.resource}.${ref.apiGroup ?? ''}/${ref.subresource}`;
    }),
  );
  for (const { what } of writes) t.true(recorded.has(what), what);
});

/** The ways to write each subresource of one object of the kind. */
async function writesOf(client: ApiClient, kind: Kind): Promise<Write[]> {
  const writable = kind.subresources.filter(({ verbs }) => verbs.some((verb) => verb !== 'get'));
  if (writable.length === 0) return [];
  const root = groupVersionPath(kind);
  const { items } = await client.json<{ items: { metadata: { name: string; namespace?: string } }[] }>(
    'GET',
    `${root}/${kind.resource}`,
  );
  const { name, namespace } = items[0]?.metadata ?? {};
  if (name === undefined) throw new Error(`there is no object of ${kind.resource}`);
  const parent = `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${kind.resource}/${name}`;
  return writable.flatMap((row) =>
    row.verbs
      .filter((verb) => verb !== 'get')
      .map((verb): Write => {
        const path = `${parent}/${row.name}`;
        const connects = row.kind?.endsWith('Options') === true;
        return {
          what: `${verb} ${kind.resource}.${kind.group}/${row.name}`,
          parent,
          connects,
          keeps: row.name !== 'token',
          async send({ query = '', more: extra = {}, headers }) {
            const at = `${path}?${query}`;
            const status = row.name === 'status' ? statuses[kind.resource] : undefined;
            const part = row.name === 'scale' ? { spec: { replicas: 7 } } : status ? { status } : {};
            if (verb === 'create')
              return client.send('POST', at, { ...bodies[row.name], ...extra }, undefined, headers);
            if (verb === 'delete') return client.send('DELETE', at, undefined, undefined, headers);
            const patch = { metadata: { annotations: { changed: 'yes' } }, ...part, ...extra };
            if (verb === 'patch') return client.send('PATCH', at, patch, 'application/merge-patch+json', headers);
            const source = row.verbs.includes('get') && !connects ? path : parent;
            const body = connects ? { metadata: {} } : await client.json<{ metadata: object }>('GET', source);
            const metadata = { ...body.metadata, annotations: { changed: 'yes' } };
            return client.send('PUT', at, { ...body, metadata, ...part, ...extra }, undefined, headers);
          },
        };
      }),
  );
}
