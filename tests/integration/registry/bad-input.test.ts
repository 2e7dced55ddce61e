/** Whatever a client sends, the answer is what it did wrong, never an error of the server. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { StatusError } from '../../../master/api/errors.ts';
import { allKinds } from '../../../master/api/kinds.ts';
import type { KubeObject, ResourceName } from '../../../master/api/types.ts';
import type { Resource } from '../../../master/apiserver/registry/resource.ts';
import { Random } from '../../support/random.ts';
import { within } from '../../support/within.ts';
import { context, resource, startWorld } from './world.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const manifests: { [key: string]: Json }[] = parseAllDocuments(
  readFileSync(new URL('../../support/one-of-each.yaml', import.meta.url), 'utf8'),
).map((document) => document.toJS());

const podSpec: Json = {
  nodeName: 'n',
  serviceAccountName: 'default',
  nodeSelector: { a: 'b' },
  tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
  volumes: [
    { name: 'v', emptyDir: { sizeLimit: '1Mi' } },
    { name: 'w', projected: { sources: [{ configMap: { name: 'x' } }, { serviceAccountToken: { path: 't' } }] } },
    { name: 'x', secret: { secretName: 's', items: [{ key: 'k', path: 'p' }] } },
  ],
  initContainers: [{ name: 'i', image: 'x:1', restartPolicy: 'Always' }],
  containers: [
    {
      name: 'c',
      image: 'x:1',
      command: ['a'],
      env: [{ name: 'E', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      envFrom: [{ configMapRef: { name: 'm' } }],
      ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '100m' } },
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
      livenessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 5 },
      lifecycle: { preStop: { exec: { command: ['x'] } } },
    },
  ],
};

/** One valid object of each kind, with as many fields as the registry reads. */
const own: Readonly<Partial<Record<ResourceName, { [key: string]: Json }>>> = {
  namespaces: { spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
  nodes: {
    spec: { podCIDR: '10.244.0.0/24', taints: [{ key: 'a', effect: 'NoSchedule' }], unschedulable: true },
    status: {
      capacity: { cpu: '2' },
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1' },
    },
  },
  pods: {
    spec: podSpec,
    status: {
      phase: 'Running',
      podIPs: [{ ip: '1.2.3.4' }],
      containerStatuses: [{ name: 'c', restartCount: 1, state: { waiting: { reason: 'x' } }, ready: true }],
    },
  },
  services: {
    spec: {
      type: 'NodePort',
      selector: { a: 'b' },
      clusterIPs: ['10.96.3.4'],
      externalIPs: ['1.2.3.4'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } },
      ports: [
        { name: 'a', port: 80, targetPort: 'http', nodePort: 30_001 },
        { name: 'b', port: 81, protocol: 'UDP' },
      ],
    },
  },
  endpoints: {
    subsets: [{ addresses: [{ ip: '1.2.3.4', targetRef: { kind: 'Pod' } }], ports: [{ name: 'a', port: 80 }] }],
  },
  endpointslices: {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['1.2.3.4'], conditions: { ready: true } }],
    ports: [{ name: 'a', port: 80, protocol: 'TCP' }],
  },
  replicationcontrollers: {
    spec: { replicas: 2, selector: { a: 'b' }, template: { metadata: { labels: { a: 'b' } }, spec: podSpec } },
    status: { replicas: 1 },
  },
  events: { involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' }, count: 2, source: { component: 'c' } },
  leases: { spec: { holderIdentity: 'a', leaseDurationSeconds: 5, leaseTransitions: 1 } },
  configmaps: { data: { a: 'b' }, binaryData: { c: 'eA==' }, immutable: false },
  secrets: { data: { a: 'eA==' }, stringData: { b: 'x' }, type: 'Opaque' },
  serviceaccounts: { secrets: [{ name: 'a' }], imagePullSecrets: [{ name: 'b' }] },
  certificatesigningrequests: {
    spec: {
      request: Buffer.from('-----BEGIN CERTIFICATE REQUEST-----').toString('base64'),
      signerName: 'example.com/a',
      usages: ['client auth'],
      expirationSeconds: 3600,
    },
    status: { conditions: [{ type: 'Approved', status: 'True' }] },
  },
  roles: { rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }] },
  rolebindings: {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
    subjects: [{ kind: 'ServiceAccount', namespace: 'default', name: 'a' }],
  },
  clusterroles: {
    rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }],
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] },
  },
  customresourcedefinitions: {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          additionalPrinterColumns: [{ name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 1 }],
          selectableFields: [{ jsonPath: '.spec.name' }],
          subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  required: ['name'],
                  'x-kubernetes-validations': [
                    { rule: 'self.size < 10 && self.list.all(i, i.k != self.name)', messageExpression: 'self.name' },
                    { rule: 'self.name == oldSelf.name || has(self.free)', fieldPath: '.name' },
                  ],
                  properties: {
                    name: { type: 'string', pattern: '^[a-z]+$', maxLength: 63, default: 'a' },
                    size: { type: 'integer', minimum: 0, default: 1 },
                    port: { 'x-kubernetes-int-or-string': true },
                    time: { type: 'string', format: 'date-time', nullable: true },
                    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                    map: { type: 'object', additionalProperties: { type: 'number' } },
                    list: {
                      type: 'array',
                      default: [],
                      maxItems: 100,
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['k'],
                      items: { type: 'object', required: ['k'], properties: { k: { type: 'string' } } },
                    },
                    inner: {
                      type: 'object',
                      'x-kubernetes-embedded-resource': true,
                      'x-kubernetes-preserve-unknown-fields': true,
                    },
                  },
                },
                status: { type: 'object', properties: { size: { type: 'integer' } } },
              },
            },
          },
        },
      ],
    },
  },
  clusterrolebindings: {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'a' }],
  },
};

const examples = Object.fromEntries(
  allKinds.map(({ resource, kind }) => [resource, own[resource as ResourceName] ?? manifestOf(kind)]),
);

/** The object of this kind in the manifest with one of each, without its names. */
function manifestOf(kind: string): { [key: string]: Json } {
  const found = manifests.find((manifest) => manifest.kind === kind);
  if (!found) throw new Error(`there is no example of ${kind}`);
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = found;
  return rest;
}

/** An object of the kind that the definition above adds. */
const widget: { [key: string]: Json } = {
  spec: {
    ...{ name: 'a', size: 2, port: 'http', time: '2026-01-01T00:00:00Z', map: { a: 1.5 } },
    ...{ free: { x: [1, { y: null }] }, list: [{ k: 'b' }, { k: 'c' }] },
    inner: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', labels: { a: 'b' } }, spec: {} },
  },
  status: { size: 1 },
};

/** Some kinds say themselves what their objects are called. */
function nameOf(kind: string): string {
  const { name } = (manifests.find((manifest) => manifest.kind === kind)?.metadata ?? {}) as { name?: string };
  return name ?? 'there';
}

const junk: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'x',
  'A b',
  '..',
  [],
  [null],
  [[1]],
  {},
  { a: {} },
  [{}],
];
const rounds = 60 * Number(process.env.TEST_SCALE ?? 1);
/** What tells a strategic merge patch how it is meant. */
const directives = ['$patch', '$retainKeys', '$setElementOrder/containers', '$deleteFromPrimitiveList/finalizers'];

test('thousands of mutated objects and patches get a Status of the client’s fault, or are taken', async (t) => {
  const world = await startWorld();
  t.teardown(world.stop);
  const seed = Number(process.env.TEST_SEED ?? 20_260_101);
  const random = new Random(seed);
  const ctx = context({ dryRun: true });
  let refused = 0;
  let taken = 0;

  for (const [name, example] of Object.entries(examples)) {
    const verbs = resource(world.registries[0], name as ResourceName);
    await hammer(
      verbs,
      example,
      name === 'customresourcedefinitions' ? 'widgets.example.com' : nameOf(verbs.kind.kind),
    );
  }
  const widgets = await within(
    10,
    () => Promise.resolve(world.registries[0]?.resource('example.com', 'v1', 'widgets')),
    (found) => found !== undefined,
  );
  if (widgets) await hammer(widgets, widget, 'there');
  t.true(refused > 500, `refused ${refused}`);
  t.true(taken > 500, `taken ${taken}`);

  async function hammer(verbs: Resource, example: { [key: string]: Json }, objectName: string): Promise<void> {
    const name = verbs.kind.resource;
    const namespace = verbs.kind.namespaced ? 'default' : undefined;
    const whole = { metadata: { name: objectName, labels: { a: 'b' }, finalizers: ['x/y'] }, ...example };
    const at = namespace === undefined ? { name: objectName } : { namespace, name: objectName };
    await verbs.create(context(), namespace, structuredClone(whole) as KubeObject);
    const parts = verbs.kind.subresources.filter(({ verbs: allowed }) => allowed.includes('update'));
    const subresources = [undefined, ...parts.map((part) => part.name)] as Parameters<typeof verbs.update>[3][];

    for (let round = 0; round < rounds; round++) {
      const body = mutated(whole, random);
      const patch = mutated(example, random);
      const sub = subresources[Math.floor(random.next() * subresources.length)];
      const attempts: Record<string, () => Promise<unknown>> = {
        create: () => verbs.create(ctx, namespace, structuredClone(body) as KubeObject),
        update: () => verbs.update(ctx, at, structuredClone(body) as KubeObject, sub),
        apply: () => verbs.apply(ctx, at, structuredClone(body) as KubeObject, { force: true, mayCreate() {} }, sub),
        merge: () => verbs.patch(ctx, at, { type: 'merge', patch: structuredClone(patch) }, sub),
        strategic: () => verbs.patch(ctx, at, { type: 'strategic', patch: directed(patch, random) }, sub),
        json: () =>
          verbs.patch(ctx, at, {
            type: 'json',
            patch: [{ op: 'replace', path: somePath(whole, random), value: patch }],
          }),
      };
      for (const [verb, attempt] of Object.entries(attempts)) {
        const where = `${verb} ${name}${sub ? `/${sub}` : ''} ${JSON.stringify({ body, patch })}, seed ${seed}`;
        try {
          await attempt();
          taken++;
        } catch (error) {
          refused++;
          if (!(error instanceof StatusError)) t.log(error);
          if (!(error instanceof StatusError) || error.code < 400 || error.code >= 500)
            t.fail(`${String(error)}: ${where}`);
        }
      }
    }
    // What was taken can also be shown.
    const { items } = await verbs.list(ctx, namespace, {});
    for (const { object } of items) for (const column of verbs.columns) column.value(object, 0);
  }
});

/** A copy with something put where it does not belong. */
function mutated(value: Json, random: Random): Json {
  const copy = structuredClone(value);
  const changes = 1 + Math.floor(random.next() * 2);
  for (let change = 0; change < changes; change++) {
    const places = containersOf(copy);
    const place = places[Math.floor(random.next() * places.length)];
    const junkValue = structuredClone(junk[Math.floor(random.next() * junk.length)] ?? null);
    if (Array.isArray(place)) {
      if (random.chance(0.3)) place.push(junkValue);
      else if (place.length > 0) place[Math.floor(random.next() * place.length)] = junkValue;
    } else if (place) {
      const keys = Object.keys(place);
      const key = keys[Math.floor(random.next() * keys.length)];
      if (key === undefined || random.chance(0.1)) place.added = junkValue;
      else if (random.chance(0.2)) delete place[key];
      else place[key] = junkValue;
    }
  }
  return copy;
}

/** A copy with a directive somewhere, now and then. */
function directed(value: Json, random: Random): Json {
  const copy = structuredClone(value);
  const places = containersOf(copy).filter((place) => !Array.isArray(place));
  const place = places[Math.floor(random.next() * places.length)];
  const directive = directives[Math.floor(random.next() * directives.length)];
  if (!place || Array.isArray(place) || directive === undefined || random.chance(0.5)) return copy;
  const meant: readonly Json[] = ['replace', 'delete', 'merge', Object.keys(place), [{ name: 'main' }], ...junk];
  place[directive] = structuredClone(meant[Math.floor(random.next() * meant.length)] ?? null);
  return copy;
}

function containersOf(value: Json): (Json[] | { [key: string]: Json })[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(containersOf)];
}

function somePath(value: Json, random: Random): string {
  let path = '';
  let here = value;
  while (typeof here === 'object' && here !== null && (path === '' || random.chance(0.7))) {
    const keys: string[] = Object.keys(here);
    const key = keys[Math.floor(random.next() * keys.length)];
    if (key === undefined) break;
    path += `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    here = Array.isArray(here) ? (here[Number(key)] ?? null) : (here[key] ?? null);
  }
  return path;
}
