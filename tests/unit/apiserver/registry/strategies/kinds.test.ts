/** The rules of the built-in kinds, each with the example of `one-of-each.yaml` and one thing changed. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { allKinds, apiVersionOf } from '../../../../../master/api/kinds.ts';
import type { KubeObject } from '../../../../../master/api/types.ts';
import { parseAddressRange, parsePortRange } from '../../../../../master/apiserver/registry/allocation/ranges.ts';
import { decode } from '../../../../../master/apiserver/registry/schema/decode.ts';
import { isRecord, shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';
import { createStrategies } from '../../../../../master/apiserver/registry/strategies/index.ts';
import type { Strategy } from '../../../../../master/apiserver/registry/strategy.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';
import { validateMetadata } from '../../../../../master/apiserver/registry/validation/metadata.ts';

const strategies = createStrategies({
  addresses: () => [parseAddressRange('10.96.0.0/16')],
  nodePorts: parsePortRange('30000-32767'),
  resources: ({ resource }) => {
    throw new Error(`nobody asks for ${resource} here`);
  },
});
const examples: readonly KubeObject[] = parseAllDocuments(
  readFileSync(new URL('../../../../support/one-of-each.yaml', import.meta.url), 'utf8'),
).map((document) => document.toJS());

const context = {
  user: { name: 'me', groups: [] },
  dryRun: false,
  fieldValidation: 'Ignore' as const,
  warnings: [],
  signal: new AbortController().signal,
};

function strategyOf(kind: string): Strategy {
  const found = strategies.find((strategy) => strategy.kind.kind === kind);
  if (!found) throw new Error(`no strategy for ${kind}`);
  return found;
}

/** The example of a kind as a request would bring it, defaulted and prepared. `change` is put at a path such as `spec.a[0].b`. */
function made(kind: string, path = '', change: unknown = undefined): KubeObject {
  const example = examples.find((one) => one.kind === kind);
  if (!example) throw new Error(`no example of ${kind}`);
  const object = structuredClone(example);
  if (path !== '') put(object, path, change);
  const strategy = strategyOf(kind);
  object.metadata = { ...object.metadata, uid: 'u', generation: 1 };
  strategy.setDefaults?.(object);
  strategy.prepareForCreate?.(object, context, '2026-01-01T00:00:00Z');
  return object;
}

function put(object: KubeObject, path: string, value: unknown): void {
  const parts = path.split(/[.[\]]+/).filter(Boolean);
  const last = parts.pop() ?? '';
  let place: unknown = object;
  for (const part of parts) {
    if (!isRecord(place) && !Array.isArray(place)) throw new Error(`there is no ${path}`);
    place = Reflect.get(place, part);
  }
  if (typeof place !== 'object' || place === null) throw new Error(`there is no ${path}`);
  if (value === undefined) Reflect.deleteProperty(place, last);
  else Reflect.set(place, last, value);
}

function errorsOf(object: KubeObject, old?: KubeObject): string[] {
  const { kind, nameErrors, ...strategy } = strategyOf(object.kind ?? '');
  const errors = new FieldErrors();
  validateMetadata(object, kind, nameErrors, errors);
  strategy.validate?.(object, errors);
  if (old) strategy.validateUpdate?.(object, old, errors);
  return errors.causes.map(({ field, message }) => `${field}: ${message}`);
}

test('every kind of the example is of the schema, and right', (t) => {
  for (const example of examples) {
    const strategy = strategyOf(example.kind ?? '');
    t.is(example.apiVersion, apiVersionOf(strategy.kind));
    const { wrong, unknown } = decode(shapeOf(strategy.kind), structuredClone(example));
    t.is(wrong, undefined, example.kind);
    t.deepEqual(unknown, [], example.kind);
    t.deepEqual(errorsOf(made(example.kind ?? '')), [], example.kind);
  }
});

test('a kind that says nothing is refused with the names of its fields, and shown, and never breaks', (t) => {
  for (const kind of allKinds.filter((one) => one.kind !== 'CustomResourceDefinition')) {
    const strategy = strategyOf(kind.kind);
    const object: KubeObject = { kind: kind.kind, metadata: { name: 'a', ...(kind.namespaced && { namespace: 'b' }) } };
    strategy.setDefaults?.(object);
    strategy.prepareForCreate?.(object, context, '2026-01-01T00:00:00Z');
    t.notThrows(() => errorsOf(object, structuredClone(object)), kind.kind);
    t.notThrows(() => strategy.columns.map((column) => column.value(object, 0)), kind.kind);
  }
});

/** One change to the example, and Kubernetes' words for it. */
const wrong: readonly (readonly [kind: string, path: string, value: unknown, error: string])[] = [
  ['Deployment', 'spec.replicas', -1, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ['Deployment', 'spec.selector', undefined, 'spec.selector: Required value'],
  [
    'Deployment',
    'spec.strategy',
    { type: 'Other' },
    'spec.strategy.type: Unsupported value: "Other": supported values: "Recreate", "RollingUpdate"',
  ],
  [
    'Deployment',
    'spec.strategy',
    { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
  ],
  [
    'Deployment',
    'spec.template.metadata.labels',
    { a: 'b' },
    'spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels`',
  ],
  [
    'ReplicaSet',
    'spec.template.spec.restartPolicy',
    'Never',
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    'StatefulSet',
    'spec.podManagementPolicy',
    'Any',
    `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
  ],
  [
    'DaemonSet',
    'spec.updateStrategy',
    { rollingUpdate: { maxUnavailable: 0 } },
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
  ],
  [
    'Job',
    'spec.template.spec.restartPolicy',
    'Always',
    'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
  ],
  [
    'CronJob',
    'spec.schedule',
    '* * *',
    'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
  ],
  ['CronJob', 'spec.timeZone', 'Moon/Sea', 'spec.timeZone: Invalid value: "Moon/Sea": unknown time zone Moon/Sea'],
  [
    'CronJob',
    'metadata.name',
    'a'.repeat(53),
    `metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`,
  ],
  ['HorizontalPodAutoscaler', 'spec.maxReplicas', 0, 'spec.maxReplicas: Invalid value: 0: must be greater than 0'],
  [
    'Ingress',
    'spec.rules[0].http.paths[0].pathType',
    undefined,
    'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
  ],
  [
    'Ingress',
    'spec.rules[0].host',
    'A b',
    `spec.rules[0].host: Invalid value: "A b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
  ],
  [
    'NetworkPolicy',
    'spec.ingress[0].from[0].ipBlock.except',
    ['11.0.0.0/8'],
    'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a strict subset of `cidr`',
  ],
  [
    'IPAddress',
    'metadata.name',
    'x',
    'metadata.name: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ],
  [
    'PodDisruptionBudget',
    'spec.maxUnavailable',
    1,
    'spec: Invalid value: {"minAvailable":1,"selector":{"matchLabels":{"app":"each"}},"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
  ],
  ['PersistentVolume', 'spec.hostPath', undefined, 'spec: Required value: must specify a volume type'],
  [
    'PersistentVolume',
    'spec.nfs',
    { server: 'a', path: '/' },
    'spec.nfs: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'PersistentVolumeClaim',
    'spec.accessModes',
    [],
    'spec.accessModes: Required value: at least 1 access mode is required',
  ],
  ['PersistentVolumeClaim', 'spec.resources', undefined, 'spec.resources[storage]: Required value'],
  [
    'LimitRange',
    'spec.limits[0].min',
    { memory: '2Gi' },
    'spec.limits[0].min[memory]: Invalid value: "2Gi": min value 2Gi is greater than max value 1Gi',
  ],
  [
    'ResourceQuota',
    'spec.hard',
    { nonsense: '1' },
    'spec.hard[nonsense]: Invalid value: "nonsense": must be a standard resource for quota',
  ],
  [
    'StorageClass',
    'reclaimPolicy',
    'Keep',
    'reclaimPolicy: Unsupported value: "Keep": supported values: "Delete", "Retain"',
  ],
  [
    'PriorityClass',
    'value',
    1_000_000_001,
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  [
    'ValidatingWebhookConfiguration',
    'webhooks[0].sideEffects',
    'Some',
    'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
  ],
  [
    'ValidatingWebhookConfiguration',
    'webhooks[0].name',
    'a.b',
    'webhooks[0].name: Invalid value: "a.b": should be a domain with at least three segments separated by dots',
  ],
  [
    'ValidatingAdmissionPolicyBinding',
    'spec.validationActions',
    [],
    'spec.validationActions: Required value: at least one validation action is required',
  ],
  [
    'FlowSchema',
    'spec.matchingPrecedence',
    10_001,
    'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
  ],
  [
    'PriorityLevelConfiguration',
    'spec.type',
    'Exempt',
    'spec.type: Invalid value: "Exempt": must not be Exempt unless metadata.name is exempt',
  ],
  [
    'APIService',
    'metadata.name',
    'other',
    'metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.each.example.com"',
  ],
  [
    'ResourceClaim',
    'spec.devices.requests[0].exactly',
    undefined,
    'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
  ],
];

test('what is wrong is said in Kubernetes’ words', (t) => {
  for (const [kind, path, value, error] of wrong) {
    const errors = errorsOf(made(kind, path, value));
    t.true(errors.includes(error), `${kind} ${path}: ${JSON.stringify(errors)}`);
  }
});

/** What may not change, and what may. */
const changes: readonly (readonly [kind: string, path: string, value: unknown, field: string | undefined])[] = [
  ['Deployment', 'spec.selector.matchLabels', { a: 'b' }, 'spec.selector'],
  ['Deployment', 'spec.template.spec.containers[0].image', 'x:2', undefined],
  ['StatefulSet', 'spec.serviceName', 'x', 'spec'],
  ['StatefulSet', 'spec.replicas', 7, undefined],
  ['ControllerRevision', 'data', { other: 1 }, 'data'],
  ['Job', 'spec.completionMode', 'Indexed', 'spec.completionMode'],
  ['Job', 'spec.parallelism', 5, undefined],
  ['Job', 'spec.template.spec.nodeSelector', { a: 'b' }, undefined],
  ['Job', 'spec.template.spec.containers[0].command', ['x'], 'spec.template'],
  ['PersistentVolumeClaim', 'spec.volumeMode', 'Block', 'spec'],
  ['PersistentVolumeClaim', 'spec.volumeName', 'each', undefined],
  ['PersistentVolume', 'spec.hostPath.path', '/x', 'spec.persistentvolumesource'],
  ['PersistentVolume', 'spec.persistentVolumeReclaimPolicy', 'Delete', undefined],
  ['StorageClass', 'provisioner', 'example.com/x', 'provisioner'],
  ['StorageClass', 'allowVolumeExpansion', false, undefined],
  ['VolumeAttachment', 'spec.nodeName', 'x', 'spec'],
  ['CSIDriver', 'spec.attachRequired', true, 'spec.attachRequired'],
  ['PriorityClass', 'value', 1, 'value'],
  ['PriorityClass', 'description', 'x', undefined],
  ['IngressClass', 'spec.controller', 'example.com/x', 'spec.controller'],
  ['RuntimeClass', 'handler', 'x', 'handler'],
  ['ServiceCIDR', 'spec.cidrs', ['198.51.100.0/24'], 'spec.cidrs[0]'],
  ['ResourceClaim', 'spec.devices.requests[0].name', 'x', 'spec'],
];

test('what is immutable cannot change, and the rest can', (t) => {
  for (const [kind, path, value, field] of changes) {
    const old = made(kind);
    const object = structuredClone(old);
    put(object, path, value);
    const fields = errorsOf(object, old).map((error) => error.split(':')[0]);
    t.true(field === undefined ? fields.length === 0 : fields.includes(field), `${kind} ${path}: ${fields.join()}`);
  }
});

test('Kubernetes’ defaults are filled in', (t) => {
  t.like(made('Deployment'), {
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      template: { spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst' } },
    },
  });
  t.like(made('StatefulSet'), {
    spec: {
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    },
  });
  t.like(made('DaemonSet'), { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } } });
  t.like(made('Job'), {
    metadata: { name: 'each-job' },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
    },
  });
  t.like(made('CronJob'), {
    spec: { concurrencyPolicy: 'Allow', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
  });
  t.like(made('PersistentVolumeClaim'), { spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } });
  t.like(made('NetworkPolicy'), { spec: { policyTypes: ['Ingress', 'Egress'] } });
  t.like(made('LimitRange'), {
    spec: { limits: [{ default: { memory: '128Mi' }, defaultRequest: { memory: '64Mi' } }] },
  });
  t.like(made('PriorityClass'), { preemptionPolicy: 'PreemptLowerPriority' });
  t.like(made('StorageClass', 'volumeBindingMode'), { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
  t.like(made('ValidatingWebhookConfiguration'), {
    webhooks: [{ matchPolicy: 'Equivalent', timeoutSeconds: 10, namespaceSelector: {}, objectSelector: {} }],
  });
});

test('a status is nobody’s to make or change with the object', (t) => {
  const withStatus = strategies.filter(({ subresources }) => subresources?.status !== undefined);
  for (const { kind, prepareForCreate, prepareForUpdate } of withStatus) {
    if (!examples.some((example) => example.kind === kind.kind) || kind.kind === 'CustomResourceDefinition') continue;
    const invented = { invented: true };
    const object = { ...made(kind.kind), status: invented };
    prepareForCreate?.(object, context, '2026-01-01T00:00:00Z');
    t.notDeepEqual<unknown, unknown>(object.status, invented, kind.kind);
    const known = { known: true };
    const update: KubeObject & { status?: unknown } = { ...made(kind.kind), status: invented };
    const old: KubeObject & { status?: unknown } = { ...made(kind.kind), status: known };
    prepareForUpdate?.(update, old);
    t.deepEqual<unknown, unknown>(update.status, known, kind.kind);
  }
});
