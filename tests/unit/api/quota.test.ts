import test from 'ava';
import { kinds } from '../../../master/api/kinds.ts';
import { formatAmount } from '../../../master/api/pod-resources.ts';
import { isInScope, missingAmounts, resourceOf, usageOf } from '../../../master/api/quota.ts';
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../../../master/api/types.ts';

const used = (kind: Parameters<typeof usageOf>[0], object: KubeObject): Record<string, string> =>
  Object.fromEntries([...usageOf(kind, object, 0)].map(([name, amount]) => [name, formatAmount(name, amount)]));

const pod = (more: Partial<NonNullable<Pod['spec']>> = {}, status: Pod['status'] = {}): Pod => ({
  spec: {
    containers: [
      { name: 'c', image: 'i', resources: { requests: { cpu: '100m', memory: '1Gi' }, limits: { cpu: '1' } } },
    ],
    ...more,
  },
  status,
});

test('a pod uses its requests and limits, and when it has ended only its place', (t) => {
  t.deepEqual(used(kinds.pods, pod()), {
    'count/pods': '1',
    pods: '1',
    'requests.cpu': '100m',
    cpu: '100m',
    'requests.memory': '1Gi',
    memory: '1Gi',
    'limits.cpu': '1',
  });
  t.deepEqual(used(kinds.pods, pod({}, { phase: 'Succeeded' })), { 'count/pods': '1' });
});

test('services use node ports, claims use storage of their class, everything is counted', (t) => {
  const service: Service = { spec: { type: 'LoadBalancer', ports: [{ port: 1 }, { port: 2 }] } };
  t.deepEqual(used(kinds.services, service), {
    'count/services': '1',
    services: '1',
    'services.nodeports': '2',
    'services.loadbalancers': '1',
  });
  const claim: PersistentVolumeClaim = {
    spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } },
  };
  t.like(used(kinds.persistentvolumeclaims, claim), {
    'requests.storage': '5Gi',
    'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
  });
  t.deepEqual(used(kinds.deployments, {}), { 'count/deployments.apps': '1' });
  t.deepEqual(
    ['requests.cpu', 'count/deployments.apps', 'services.nodeports', 'requests.storage', 'configmaps'].map(resourceOf),
    ['pods', 'deployments.apps', 'services', 'persistentvolumeclaims', 'configmaps'],
  );
});

test('a quota with scopes counts the pods that they hold for', (t) => {
  const quota = (spec: ResourceQuota['spec']): ResourceQuota => ({ spec });
  const counts = (spec: ResourceQuota['spec'], object: Pod): boolean => isInScope(quota(spec), kinds.pods, object);
  t.true(counts({ scopes: ['Terminating'] }, pod({ activeDeadlineSeconds: 5 })));
  t.false(counts({ scopes: ['Terminating'] }, pod()));
  t.true(counts({ scopes: ['NotTerminating', 'NotBestEffort'] }, pod({}, { qosClass: 'Burstable' })));
  t.true(counts({ scopes: ['BestEffort'] }, pod({}, { qosClass: 'BestEffort' })));
  const scopeSelector = { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] };
  t.true(counts({ scopeSelector }, pod({ priorityClassName: 'high' })));
  t.false(counts({ scopeSelector }, pod()));
  t.false(isInScope(quota({ scopes: ['Terminating'] }), kinds.configmaps, {}));
});

test('containers must say what a quota limits', (t) => {
  t.is(missingAmounts(['requests.cpu', 'limits.cpu', 'pods'], pod()), undefined);
  t.is(missingAmounts(['limits.memory', 'limits.cpu'], pod()), 'must specify limits.memory for: c');
});
