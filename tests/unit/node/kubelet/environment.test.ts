import test from 'ava';
import type { Service } from '../../../../master/api/types.ts';
import { containerConfig, hostnameOf } from '../../../../node/kubelet/pods/container-config.ts';
import { type EnvironmentContext, environmentOf } from '../../../../node/kubelet/pods/environment.ts';
import { expand } from '../../../../node/kubelet/pods/expand.ts';
import { container, podWith } from './pods.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

const context: EnvironmentContext = {
  podIp: '10.244.1.2',
  hostIp: '172.18.0.2',
  allocatable: { cpu: '2', memory: '1Gi' },
  configMap: (name) => (name === 'cm' ? { data: { a: 'one', b: 'two' } } : undefined),
  secret: (name) => (name === 'sec' ? { data: { pw: base64('geheim') } } : undefined),
  services: [],
};

const values = (more: Parameters<typeof container>[1], given = context): Record<string, string> =>
  Object.fromEntries(environmentOf(podWith(), container('main', more), given).map(({ name, value }) => [name, value]));

test('$(NAME) is replaced where the name is known, and $$ keeps a dollar', (t) => {
  const lookup = (name: string): string | undefined => ({ A: '1', B: '2' })[name];
  t.is(expand('$(A)-$(B)-$(C)-$$(A)-$$$(A)-$A', lookup), '1-2-$(C)-$(A)-$1-$A');
});

test('variables refer to those before them', (t) => {
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '$(A)$(C)' },
    { name: 'C', value: '3' },
  ];
  t.deepEqual(values({ env }), { A: '1', B: '1$(C)', C: '3' });
});

test('values come from ConfigMaps, Secrets, fields and resources', (t) => {
  const env = [
    { name: 'CM', valueFrom: { configMapKeyRef: { name: 'cm', key: 'a' } } },
    { name: 'PW', valueFrom: { secretKeyRef: { name: 'sec', key: 'pw' } } },
    { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
    { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
    { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
  ];
  t.deepEqual(values({ env, resources: { limits: { cpu: '250m' } } }), {
    CM: 'one',
    PW: 'geheim',
    IP: '10.244.1.2',
    APP: 'a',
    CPU: '250',
    MEM: '1024',
  });
});

test('envFrom takes all keys, with a prefix, and env wins over it', (t) => {
  const envFrom = [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 'sec' } }];
  t.deepEqual(values({ envFrom, env: [{ name: 'P_a', value: 'mine' }] }), { P_a: 'mine', P_b: 'two', pw: 'geheim' });
});

test('what is not there is an error in Kubernetes’ words, or nothing when it is optional', (t) => {
  const from = (configMapKeyRef: { name: string; key: string; optional?: boolean }) => ({
    env: [{ name: 'X', valueFrom: { configMapKeyRef } }],
  });
  t.throws(() => values(from({ name: 'none', key: 'k' })), { message: 'configmap "none" not found' });
  t.throws(() => values(from({ name: 'cm', key: 'k' })), { message: "couldn't find key k in ConfigMap default/cm" });
  t.deepEqual(values(from({ name: 'none', key: 'k', optional: true })), {});
});

test('services of the namespace and the API are told by variables', (t) => {
  const service = (namespace: string, name: string, clusterIP: string): Service => ({
    metadata: { namespace, name },
    spec: { clusterIP, ports: [{ name: 'web', port: 80, protocol: 'TCP' }] },
  });
  const services = [
    service('default', 'kubernetes', '10.96.0.1'),
    service('default', 'my-svc', '10.96.0.9'),
    service('other', 'far', '10.96.0.7'),
    service('default', 'headless', 'None'),
  ];
  const found = values({}, { ...context, services });
  t.is(found.KUBERNETES_SERVICE_HOST, '10.96.0.1');
  t.like(found, {
    MY_SVC_SERVICE_HOST: '10.96.0.9',
    MY_SVC_SERVICE_PORT: '80',
    MY_SVC_SERVICE_PORT_WEB: '80',
    MY_SVC_PORT: 'tcp://10.96.0.9:80',
    MY_SVC_PORT_80_TCP_ADDR: '10.96.0.9',
  });
  t.false(Object.keys(found).some((name) => name.startsWith('FAR') || name.startsWith('HEADLESS')));
  const pod = podWith({ enableServiceLinks: false });
  const names = environmentOf(pod, container('main'), { ...context, services }).map(({ name }) => name);
  t.true(names.includes('KUBERNETES_SERVICE_HOST'));
  t.false(names.includes('MY_SVC_SERVICE_HOST'));
});

const parts = { attempt: 0, variables: [{ name: 'A', value: 'x y' }], mounts: [] };

test('command and arguments are told apart, and expanded', (t) => {
  const config = containerConfig(podWith(), container('main', { command: ['run', '$(A)'], args: ['$(B)'] }), parts);
  t.deepEqual([config.command, config.args], [['run', 'x y'], ['$(B)']]);
  const plain = containerConfig(podWith(), container('main'), parts);
  t.is(plain.command, undefined);
  t.is(plain.args, undefined);
});

test('requests and limits become weights, quotas and bytes', (t) => {
  const resources = { requests: { cpu: '250m' }, limits: { cpu: '1500m', memory: '64Mi' } };
  t.deepEqual(containerConfig(podWith(), container('main', { resources }), parts).resources, {
    cpuShares: 256,
    cpuLimitMilli: 1500,
    memoryLimitBytes: 64 * 1024 * 1024,
  });
});

test('a container’s security settings win over its pod’s', (t) => {
  const pod = podWith({ securityContext: { runAsUser: 1, runAsGroup: 2, fsGroup: 3 } });
  t.like(containerConfig(pod, container('main', { securityContext: { runAsUser: 5 } }), parts).security, {
    user: '5:2',
    groups: ['3'],
  });
  const root = container('main', { securityContext: { runAsNonRoot: true, runAsUser: 0 } });
  t.throws(() => containerConfig(pod, root, parts), { message: "container's runAsUser breaks non-root policy" });
});

test('a long name of a pod is cut to a hostname', (t) => {
  const name = `${'a'.repeat(62)}-b`;
  t.is(hostnameOf(podWith({}, { metadata: { name } })), 'a'.repeat(62));
});
