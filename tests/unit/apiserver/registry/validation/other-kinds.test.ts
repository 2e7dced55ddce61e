/** The rules of the rarer kinds, each with one thing wrong, beside objects in which nothing is. */
import test from 'ava';
import { errorsOf, type Row } from './kinds-of.ts';

const scaler = (spec: string): string => `spec: { maxReplicas: 2, scaleTargetRef: { kind: D, name: d }, ${spec} }`;
const hook = (resources: string): string =>
  `webhooks: [{ name: a.b.c, sideEffects: None, admissionReviewVersions: [v1], clientConfig: { url: "https://a" }, rules: [{ operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: ${resources} }] }]`;
const resources = 'webhooks[0].rules[0].resources';
const flow = (url: string): string =>
  `spec: { priorityLevelConfiguration: { name: a }, rules: [{ subjects: [{ kind: User, user: { name: x } }], nonResourceRules: [{ verbs: [get], nonResourceURLs: ["${url}"] }] }] }`;
const url = 'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]';
const set = (strategy: string): string =>
  `spec: { serviceName: a, updateStrategy: { rollingUpdate: { ${strategy} } }, selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } }, spec: { containers: [{ name: c, image: x }] } } }`;
const claimed = (more: string): string =>
  `spec: { devices: { requests: [{ name: r, exactly: { deviceClassName: c } }], ${more} } }`;

const slice = (more: string): string =>
  `spec: { driver: a.b, nodeName: n, pool: { name: p, generation: 1, resourceSliceCount: 1 }, ${more} }`;

const rows: Readonly<Record<string, readonly Row[]>> = {
  ClusterRole: [
    ['aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: b } }] }'],
    [
      'aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: a, operator: Is }] }] }',
      'aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    ],
  ],
  FlowSchema: [
    [flow('/healthz/*')],
    [flow('healthz'), `${url}: Invalid value: "healthz": must start with slash`],
    [flow('/a*'), `${url}: Invalid value: "/a*": wildcard can only do suffix matching`],
    [flow('/a//b'), `${url}: Invalid value: "/a//b": must not contain double slash`],
  ],
  HorizontalPodAutoscaler: [
    [scaler('behavior: { scaleDown: { tolerance: "0.05" } }')],
    [
      scaler('behavior: { scaleUp: { tolerance: "-1" } }'),
      'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater or equal to zero',
    ],
    [
      scaler(
        'metrics: [{ type: External, external: { metric: { name: a }, target: { type: Value, value: "1", averageValue: "2" } } }]',
      ),
      'spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target',
    ],
  ],
  RuntimeClass: [
    ['{ handler: h, overhead: { podFixed: { memory: 1Mi } } }'],
    [
      '{ handler: h, overhead: { podFixed: { memory: -1Mi } } }',
      'overhead.limits[memory]: Invalid value: "-1Mi": must be greater than or equal to 0',
    ],
    [
      '{ handler: h, scheduling: { tolerations: [{ key: a, operator: Exists }, { key: a, operator: Exists }] } }',
      'scheduling[1]: Duplicate value: {"key":"a","operator":"Exists"}',
    ],
  ],
  StorageClass: [
    ['{ provisioner: a.b, allowedTopologies: [{ matchLabelExpressions: [{ key: zone, values: [a, b] }] }] }'],
    [
      '{ provisioner: a.b, allowedTopologies: [{ matchLabelExpressions: [{ key: zone, values: [a, a] }, { key: zone, values: [b] }] }] }',
      'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
      'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "zone"',
    ],
  ],
  StatefulSet: [
    [set('maxUnavailable: 50%')],
    [set('maxUnavailable: 0'), 'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0'],
  ],
  DeviceClass: [
    [`spec: { selectors: [{ cel: { expression: "device.attributes['a.b'].model == 'x'" } }] }`],
    [
      'spec: { selectors: [{ cel: { expression: "\'a\'" } }] }',
      'spec.selectors[0].cel.expression: Invalid value: "\'a\'": must evaluate to bool',
    ],
  ],
  ResourceClaim: [
    [claimed('constraints: [{ requests: [r], matchAttribute: a.b/c }]')],
    [claimed('config: [{ opaque: { driver: a.b } }]'), 'spec.devices.config[0].opaque.parameters: Required value'],
    [
      claimed('constraints: [{ requests: [s], matchAttribute: a.b/c }]'),
      `spec.devices.constraints[0].requests[0]: Invalid value: "s": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
    ],
  ],
  ResourceSlice: [
    [
      slice(
        'devices: [{ name: d, attributes: { model: { string: x }, a.b/cores: { int: 4 } }, capacity: { memory: { value: 1Gi } } }]',
      ),
    ],
    [
      slice('devices: [{ name: d, attributes: { model: {} } }]'),
      'spec.devices[0].attributes[model]: Required value: exactly one value must be specified',
    ],
    [
      'spec: { driver: a.b, nodeName: n, pool: { name: p, generation: -1, resourceSliceCount: 0 } }',
      'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
    ],
  ],
  ResourceQuota: [
    ['spec: { hard: { pods: "4", requests.cpu: "1" }, scopes: [NotTerminating] }'],
    [
      'spec: { hard: { pods: "4" }, scopeSelector: { matchExpressions: [{ scopeName: PriorityClass, operator: In, values: [high] }] } }',
    ],
    [
      'spec: { hard: { services: "1" }, scopes: [BestEffort] }',
      'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
    ],
    [
      'spec: { hard: { pods: "1" }, scopeSelector: { matchExpressions: [{ scopeName: BestEffort, operator: In, values: [a] }] } }',
      'spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be \'Exists\' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
    ],
  ],
  CSIStorageCapacity: [
    ['{ storageClassName: a, capacity: 1Gi }'],
    ['{ storageClassName: a, capacity: -1Gi }', 'capacity: Invalid value: "-1Gi": must be greater than or equal to 0'],
  ],
  Namespace: [
    ['spec: { finalizers: [example.com/mine] }'],
    [
      'spec: { finalizers: [mine] }',
      'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ],
  Lease: [
    ['spec: { holderIdentity: a, leaseDurationSeconds: 15 }'],
    ['spec: { leaseDurationSeconds: 0 }', 'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
  ValidatingWebhookConfiguration: [
    [hook('[pods, "pods/*", "*/scale"]')],
    [
      hook('["*", pods]'),
      `${resources}: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
    ],
    [
      hook('["pods/*", pods/status]'),
      `${resources}[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
    ],
  ],
};

for (const [kind, cases] of Object.entries(rows)) {
  test(`what is wrong with a ${kind} is said in Kubernetes’ words, and what is right is taken`, (t) => {
    for (const [body, ...errors] of cases) t.deepEqual(errorsOf(kind, body), errors, body);
  });
}
