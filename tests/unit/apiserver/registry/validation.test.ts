import test from 'ava';
import type { KubeObject, Pod, ReplicationController, Service } from '../../../../master/api/types.ts';
import { parseAddressRange, parsePortRange } from '../../../../master/apiserver/registry/allocation/ranges.ts';
import { defaultPod } from '../../../../master/apiserver/registry/defaults/pod-spec.ts';
import { csrStrategy } from '../../../../master/apiserver/registry/strategies/certificatesigningrequests.ts';
import { configMapStrategy } from '../../../../master/apiserver/registry/strategies/configmaps.ts';
import { nodeStrategy } from '../../../../master/apiserver/registry/strategies/nodes.ts';
import { podStrategy } from '../../../../master/apiserver/registry/strategies/pods.ts';
import { replicationControllerStrategy } from '../../../../master/apiserver/registry/strategies/replicationcontrollers.ts';
import { createServiceStrategy } from '../../../../master/apiserver/registry/strategies/services.ts';
import type { Strategy } from '../../../../master/apiserver/registry/strategy.ts';
import { FieldErrors } from '../../../../master/apiserver/registry/validation/field-errors.ts';
import { validateMetadata, validateMetadataUpdate } from '../../../../master/apiserver/registry/validation/metadata.ts';

const serviceStrategy = createServiceStrategy({
  addresses: () => [parseAddressRange('10.96.0.0/16')],
  nodePorts: parsePortRange('30000-32767'),
});

/** What is wrong with an object once it has its defaults, one line each. */
function errorsOf<T extends KubeObject>(strategy: Strategy<T>, given: T): string[] {
  const object = structuredClone(given);
  strategy.setDefaults?.(object);
  const errors = new FieldErrors();
  strategy.validate?.(object, errors);
  return lines(errors);
}

function updateErrorsOf<T extends KubeObject>(strategy: Strategy<T>, object: T, old: T): string[] {
  const errors = new FieldErrors();
  strategy.validateUpdate?.(object, old, errors);
  return lines(errors);
}

const lines = ({ causes }: FieldErrors): string[] => causes.map(({ field, message }) => `${field}: ${message}`);

function metadataErrors(object: KubeObject, old?: KubeObject): string[] {
  const errors = new FieldErrors();
  if (old) validateMetadataUpdate(object, old, errors);
  else validateMetadata(object, podStrategy.kind, podStrategy.nameErrors, errors);
  return lines(errors);
}

test('a name or generateName is required, and names and labels keep to the rules', (t) => {
  t.deepEqual(metadataErrors({ metadata: { namespace: 'default' } }), [
    'metadata.name: Required value: name or generateName is required',
  ]);
  const [name] = metadataErrors({ metadata: { name: 'Bad_Name', namespace: 'default' } });
  t.regex(name ?? '', /^metadata.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of/);
  const [label] = metadataErrors({ metadata: { name: 'a', namespace: 'default', labels: { 'a b': 'c' } } });
  t.regex(label ?? '', /^metadata.labels: Invalid value: "a b": name part must consist of/);
  const [value] = metadataErrors({ metadata: { name: 'a', namespace: 'default', labels: { a: '-' } } });
  t.regex(value ?? '', /^metadata.labels: Invalid value: "-": a valid label must be/);
  t.deepEqual(metadataErrors({ metadata: { name: 'a', namespace: 'default', finalizers: ['mine'] } }), [
    'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ]);
});

test('what identifies an object cannot change, and an object that ends gets no new finalizers', (t) => {
  const old: KubeObject = { metadata: { name: 'a', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' } };
  t.deepEqual(metadataErrors({ metadata: { ...old.metadata, uid: 'v' } }, old), [
    'metadata.uid: Invalid value: "v": field is immutable',
  ]);
  t.deepEqual(
    metadataErrors({ metadata: { ...old.metadata, creationTimestamp: '2026-01-01T00:00:00.000000Z' } }, old),
    [],
  );
  const ending: KubeObject = { metadata: { ...old.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  t.deepEqual(metadataErrors({ metadata: { ...ending.metadata, finalizers: ['x/y'] } }, ending), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/y"}',
  ]);
});

const pod = (container: object, spec: object = {}): Pod => ({
  metadata: { name: 'a' },
  spec: { containers: [{ name: 'c', image: 'x:1', ...container }], ...spec },
});

test('a pod without containers, names or images says which fields are missing', (t) => {
  t.deepEqual(errorsOf(podStrategy, { metadata: { name: 'a' } }), ['spec.containers: Required value']);
  t.deepEqual(errorsOf(podStrategy, { spec: { containers: [] } }), ['spec.containers: Required value']);
  t.deepEqual(errorsOf(podStrategy, pod({ name: '', image: '' })), [
    'spec.containers[0].name: Required value',
    'spec.containers[0].image: Required value',
  ]);
});

test('values outside a set name the set', (t) => {
  t.deepEqual(errorsOf(podStrategy, pod({ imagePullPolicy: 'Sometimes' }, { restartPolicy: 'Maybe' })), [
    'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"',
  ]);
});

test('a pod’s containers, ports, mounts and resources are held to the rules', (t) => {
  t.deepEqual(
    errorsOf(
      podStrategy,
      pod(
        {},
        {
          containers: [
            { name: 'c', image: 'x' },
            { name: 'c', image: 'y' },
          ],
        },
      ),
    ),
    ['spec.containers[1].name: Duplicate value: "c"'],
  );
  t.deepEqual(errorsOf(podStrategy, pod({ ports: [{ containerPort: 70_000 }] })), [
    'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ]);
  t.deepEqual(errorsOf(podStrategy, pod({ volumeMounts: [{ name: 'v', mountPath: '/v' }] })), [
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ]);
  t.deepEqual(errorsOf(podStrategy, pod({ resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } })), [
    'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  ]);
  t.regex(
    errorsOf(podStrategy, pod({ resources: { limits: { cpu: 'lots' } } }))[0] ?? '',
    /resources.limits\[cpu\]: Invalid value: "lots": quantities must match/,
  );
});

test('of a pod’s spec only images, deadline and more tolerations may change', (t) => {
  const old = pod({});
  defaultPod(old);
  const image = structuredClone(old);
  image.spec!.containers[0]!.image = 'x:2';
  t.deepEqual(updateErrorsOf(podStrategy, image, old), []);
  const tolerating = structuredClone(old);
  tolerating.spec!.tolerations = [{ key: 'a', operator: 'Exists' }];
  t.deepEqual(updateErrorsOf(podStrategy, tolerating, old), []);
  t.deepEqual(updateErrorsOf(podStrategy, old, tolerating), [
    'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
  ]);
  const moved = structuredClone(old);
  moved.spec!.nodeName = 'n';
  const [message] = updateErrorsOf(podStrategy, moved, old);
  t.regex(
    message ?? '',
    /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`,/,
  );
  const more = structuredClone(old);
  more.spec!.containers.push({ name: 'd', image: 'y' });
  t.deepEqual(updateErrorsOf(podStrategy, more, old), [
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ]);
});

test('a replication controller’s selector must match its template', (t) => {
  const rc = (selector: Record<string, string>): ReplicationController => ({
    spec: {
      selector,
      template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  });
  t.deepEqual(errorsOf(replicationControllerStrategy, rc({ app: 'a' })), []);
  t.deepEqual(errorsOf(replicationControllerStrategy, rc({ app: 'b' })), [
    'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
  ]);
  t.deepEqual(errorsOf(replicationControllerStrategy, { metadata: { name: 'a' } }), [
    'spec.selector: Required value',
    'spec.template: Required value',
  ]);
});

const service = (spec: NonNullable<Service['spec']>): Service => ({ metadata: { name: 'a' }, spec });

test('a Service’s ports are required, named when they are several, and unique', (t) => {
  t.deepEqual(errorsOf(serviceStrategy, service({})), ['spec.ports: Required value']);
  t.deepEqual(errorsOf(serviceStrategy, service({ clusterIP: 'None' })), []);
  t.deepEqual(errorsOf(serviceStrategy, service({ ports: [{ port: 80 }, { port: 80, name: 'b' }] })), [
    'spec.ports[0].name: Required value',
    'spec.ports[1]: Duplicate value: {"port":80,"protocol":"TCP"}',
  ]);
  t.deepEqual(errorsOf(serviceStrategy, service({ ports: [{ port: 80, nodePort: 30_000 }] })), [
    "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
  ]);
});

test('an address or node port that is asked for must be of the range', (t) => {
  t.deepEqual(errorsOf(serviceStrategy, service({ clusterIP: '1.2.3.4', ports: [{ port: 80 }] })), [
    'spec.clusterIPs: Invalid value: ["1.2.3.4"]: failed to allocate IP 1.2.3.4: the provided network does not match the current range',
  ]);
  t.deepEqual(errorsOf(serviceStrategy, service({ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })), [
    'spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
  ]);
});

test('a Service keeps its cluster IP, and an update that leaves it out means that', (t) => {
  const old = service({ type: 'ClusterIP', clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'], ports: [{ port: 80 }] });
  const other = service({
    type: 'ClusterIP',
    clusterIP: '10.96.0.6',
    clusterIPs: ['10.96.0.6'],
    ports: [{ port: 80 }],
  });
  t.deepEqual(updateErrorsOf(serviceStrategy, other, old), [
    'spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set',
  ]);
  const without = service({ type: 'ClusterIP', ports: [{ port: 81 }] });
  serviceStrategy.prepareForUpdate?.(without, old);
  t.is(without.spec?.clusterIP, '10.96.0.5');
  const external = service({
    type: 'ExternalName',
    externalName: 'x',
    clusterIP: '10.96.0.5',
    clusterIPs: ['10.96.0.5'],
  });
  serviceStrategy.prepareForUpdate?.(external, old);
  t.is(external.spec?.clusterIP, undefined);
});

test('immutable data stays', (t) => {
  const old = { immutable: true, data: { a: '1' } };
  t.deepEqual(updateErrorsOf(configMapStrategy, { immutable: true, data: { a: '2' } }, old), [
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
  t.deepEqual(updateErrorsOf(configMapStrategy, { data: { a: '1' } }, old), [
    'immutable: Forbidden: field is immutable when `immutable` is set',
  ]);
});

test('a node keeps its pod network', (t) => {
  const old = { spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24'] } };
  t.deepEqual(updateErrorsOf(nodeStrategy, { spec: { podCIDRs: ['10.244.2.0/24'] } }, old), [
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
  ]);
  t.deepEqual(updateErrorsOf(nodeStrategy, old, { spec: {} }), []);
});

test('a signing request says who asks only in the server’s words, and a decision stays', (t) => {
  const csr = { spec: { request: 'eA==', signerName: 'a.b/c', usages: ['client auth'], username: 'admin' } };
  const user = { name: 'me', groups: ['g'] };
  const ctx = {
    user,
    dryRun: false,
    fieldValidation: 'Ignore' as const,
    warnings: [],
    signal: new AbortController().signal,
  };
  csrStrategy.prepareForCreate?.(csr, ctx, 'now');
  t.is(csr.spec.username, 'me');
  t.deepEqual(errorsOf(csrStrategy, csr), [
    'spec.request: Invalid value: "eA==": PEM block type must be CERTIFICATE REQUEST',
  ]);
  const approved = { status: { conditions: [{ type: 'Approved', status: 'True' }] } };
  const errors = new FieldErrors();
  csrStrategy.subresources?.approval?.validate?.({ ...csr, status: {} }, { ...csr, ...approved }, errors);
  t.deepEqual(lines(errors), ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"']);
});
