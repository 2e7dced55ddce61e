/**
 * The flow schemas and priority levels that every cluster begins with: the mandatory and the suggested ones of
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#default-configuration
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts';

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
/** As long as it says so, an API server may bring the object's spec up to date. */
const annotations = { 'apf.kubernetes.io/autoupdate-spec': 'true' };

type Limited = NonNullable<NonNullable<PriorityLevelConfiguration['spec']>['limited']>;
type Rules = NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number];
type ResourceRule = NonNullable<Rules['resourceRules']>[number];

/** The names of those that are always there, and as they are here. */
export const mandatory: ReadonlySet<string> = new Set(['exempt', 'catch-all']);

export const defaultPriorityLevels: readonly PriorityLevelConfiguration[] = [
  level('exempt', { type: 'Exempt', exempt: { lendablePercent: 0, nominalConcurrencyShares: 0 } }),
  limited('catch-all', 5, 0, { type: 'Reject' }),
  limited('system', 30, 33, queues(64, 6)),
  limited('node-high', 40, 25, queues(64, 6)),
  limited('leader-election', 10, 0, queues(16, 4)),
  limited('workload-high', 40, 50, queues(128, 6)),
  limited('workload-low', 100, 90, queues(128, 6)),
  limited('global-default', 20, 50, queues(128, 6)),
];

const everybody = [...groups('system:unauthenticated'), ...groups('system:authenticated')];
const controllerManager = users('system:kube-controller-manager');
const scheduler = users('system:kube-scheduler');
const leases = resources(['get', 'create', 'update'], 'coordination.k8s.io', ['leases']);

export const defaultFlowSchemas: readonly FlowSchema[] = [
  schema('exempt', 'exempt', 1, undefined, everything(groups('system:masters'))),
  schema('probes', 'exempt', 2, undefined, {
    subjects: everybody,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [...controllerManager, ...scheduler, ...accounts('*')],
    resourceRules: [leases],
  }),
  schema('endpoint-controller', 'workload-high', 150, 'ByUser', {
    subjects: [
      ...controllerManager,
      ...accounts('endpoint-controller'),
      ...accounts('endpointslicemirroring-controller'),
    ],
    resourceRules: [resources(['get', 'create', 'update'], '', ['endpoints'])],
  }),
  schema('workload-leader-election', 'leader-election', 200, 'ByUser', {
    subjects: accounts('*'),
    resourceRules: [leases],
  }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: groups('system:nodes'),
    resourceRules: [
      { ...resources(['*'], '', ['nodes', 'nodes/status']), clusterScope: true },
      resources(['*'], 'coordination.k8s.io', ['leases']),
    ],
  }),
  schema('system-nodes', 'system', 500, 'ByUser', everything(groups('system:nodes'))),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', everything(controllerManager)),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', everything(scheduler)),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', everything(accounts('*'))),
  schema('service-accounts', 'workload-low', 9_000, 'ByUser', everything(groups('system:serviceaccounts'))),
  schema('global-default', 'global-default', 9_900, 'ByUser', everything(everybody)),
  schema('catch-all', 'catch-all', 10_000, 'ByUser', everything(everybody)),
];

function level(name: string, spec: PriorityLevelConfiguration['spec']): PriorityLevelConfiguration {
  return { kind: 'PriorityLevelConfiguration', apiVersion, metadata: { name, annotations }, spec };
}

function limited(name: string, shares: number, lendablePercent: number, limitResponse: Limited['limitResponse']) {
  return level(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse },
  });
}

function queues(count: number, handSize: number): Limited['limitResponse'] {
  return { type: 'Queue', queuing: { queues: count, handSize, queueLengthLimit: 50 } };
}

function schema(
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  distinguisher: 'ByUser' | 'ByNamespace' | undefined,
  rules: Rules,
): FlowSchema {
  const spec: NonNullable<FlowSchema['spec']> = {
    priorityLevelConfiguration: { name: priorityLevel },
    matchingPrecedence,
    rules: [rules],
  };
  if (distinguisher !== undefined) spec.distinguisherMethod = { type: distinguisher };
  return { kind: 'FlowSchema', apiVersion, metadata: { name, annotations }, spec };
}

function everything(subjects: Rules['subjects']): Rules {
  return {
    subjects,
    resourceRules: [{ ...resources(['*'], '*', ['*']), clusterScope: true }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  };
}

function resources(verbs: string[], apiGroup: string, names: string[]): ResourceRule {
  return { verbs, apiGroups: [apiGroup], resources: names, namespaces: ['*'] };
}

function groups(name: string): Rules['subjects'] {
  return [{ kind: 'Group', group: { name } }];
}

function users(name: string): Rules['subjects'] {
  return [{ kind: 'User', user: { name } }];
}

/** Service accounts of kube-system. */
function accounts(name: string): Rules['subjects'] {
  return [{ kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name } }];
}
