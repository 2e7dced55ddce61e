/** The rules of Services, jobs, volumes and others, each with one thing wrong, beside objects in which nothing is. */
import test from 'ava';
import { errorsOf, type Row } from './kinds-of.ts';

const job = (spec: string): string =>
  `spec: { completionMode: Indexed, completions: 4, template: { spec: { restartPolicy: Never, containers: [{ name: c, image: x }] } }, ${spec} }`;
const volume = (spec: string): string => `spec: { accessModes: [ReadWriteOnce], capacity: { storage: 1Gi }, ${spec} }`;
const claim = (spec: string): string =>
  `spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } }, ${spec} }`;
const onlyBalancers = "Forbidden: may only be used when `type` is 'LoadBalancer'";

const rows: Readonly<Record<string, readonly Row[]>> = {
  Service: [
    [
      'spec: { ports: [{ port: 80, name: a-name-of-more-than-fifteen, appProtocol: kubernetes.io/h2c, targetPort: web }] }',
    ],
    ['spec: { type: ExternalName, externalName: example.com. }'],
    [
      'spec: { type: LoadBalancer, externalTrafficPolicy: Local, trafficDistribution: PreferSameZone, loadBalancerClass: example.com/a, loadBalancerSourceRanges: [10.0.0.0/8], ports: [{ port: 80 }] }',
    ],
    [
      'spec: { ports: [{ port: 80, appProtocol: a b }] }',
      "spec.ports[0].appProtocol: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
    ['spec: { ports: [{ port: 80 }], loadBalancerClass: example.com/a }', `spec.loadBalancerClass: ${onlyBalancers}`],
    [
      'spec: { ports: [{ port: 80 }], loadBalancerSourceRanges: [10.0.0.0/8] }',
      `spec.LoadBalancerSourceRanges: ${onlyBalancers}`,
    ],
    [
      'spec: { type: LoadBalancer, ports: [{ port: 80 }], loadBalancerSourceRanges: [10.0.0.0] }',
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
    [
      'spec: { ports: [{ port: 80 }], trafficDistribution: Near }',
      'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
    ],
    [
      'spec: { ports: [{ port: 80 }], externalIPs: [127.0.0.1] }',
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
    [
      'spec: { ports: [{ port: 80 }], healthCheckNodePort: 30000 }',
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [
      'spec: { ports: [{ port: 80 }], sessionAffinity: Cookie }',
      'spec.sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"',
    ],
    ['spec: { ports: [{ port: 80 }], ipFamilies: [IPv4, IPv4] }', 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    [
      'spec: { clusterIP: None, clusterIPs: [None, 10.96.0.2] }',
      'spec.clusterIPs: Invalid value: ["None","10.96.0.2"]: \'None\' must be the first and only value',
    ],
    [
      'spec: { type: ExternalName, externalName: x, ipFamilyPolicy: SingleStack }',
      'spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services',
    ],
  ],
  EndpointSlice: [
    [
      '{ addressType: IPv4, endpoints: [{ addresses: [10.0.0.1], hostname: a, nodeName: n }], ports: [{ name: a-name-of-more-than-fifteen, port: 80, protocol: TCP }] }',
    ],
    [
      '{ addressType: IPv4, endpoints: [{ addresses: [169.254.169.254] }] }',
      'endpoints[0].addresses[0]: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
    [
      `{ addressType: IPv4, endpoints: [{ addresses: [${Array.from({ length: 101 }, () => '10.0.0.1').join()}] }] }`,
      'endpoints[0].addresses: Too many: 101: must have at most 100 items',
    ],
  ],
  Job: [
    [
      job(
        'backoffLimitPerIndex: 1, maxFailedIndexes: 2, podFailurePolicy: { rules: [{ action: FailIndex, onExitCodes: { containerName: c, operator: In, values: [1, 42] } }, { action: Ignore, onPodConditions: [{ type: DisruptionTarget }] }] }, successPolicy: { rules: [{ succeededIndexes: "0,2-3", succeededCount: 2 }] }, managedBy: example.com/queue',
      ),
    ],
    [
      job('podFailurePolicy: { rules: [{ action: FailJob }] }'),
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
    [
      job('podFailurePolicy: { rules: [{ action: FailIndex, onExitCodes: { operator: NotIn, values: [0] } }] }'),
      'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
    ],
    [
      job('podFailurePolicy: { rules: [{ action: Count, onExitCodes: { operator: In, values: [3, 0, 3] } }] }'),
      'spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator',
      'spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 3',
      'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [3,0,3]: must be ordered',
    ],
    [
      job(
        'podFailurePolicy: { rules: [{ action: Count, onExitCodes: { containerName: d, operator: In, values: [1] } }] }',
      ),
      'spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: "d": must be one of the container or initContainer names in the pod template',
    ],
    [
      job('successPolicy: { rules: [] }'),
      'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
    ],
    [
      job('successPolicy: { rules: [{ succeededIndexes: "0-4" }] }'),
      'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0-4": error parsing succeededIndexes: too large index: "4"',
    ],
    [
      job('successPolicy: { rules: [{ succeededIndexes: "0-1", succeededCount: 3 }] }'),
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)',
    ],
    [job('maxFailedIndexes: 1'), 'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified'],
    [
      job('backoffLimitPerIndex: 1, maxFailedIndexes: 5'),
      'spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions',
    ],
    [
      job('managedBy: queue'),
      'spec.managedBy: Invalid value: "queue": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  ],
  CronJob: [
    [`spec: { schedule: "@hourly", timeZone: Europe/Berlin, jobTemplate: { ${job('suspend: true')} } }`],
    [
      `spec: { schedule: "* * * * *", timeZone: "+01:00", jobTemplate: { ${job('suspend: true')} } }`,
      'spec.timeZone: Invalid value: "+01:00": unknown time zone +01:00',
    ],
    [
      `spec: { schedule: "TZ=UTC * * * * *", jobTemplate: { ${job('suspend: true')} } }`,
      'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
  ],
  PersistentVolume: [
    [
      volume(
        'csi: { driver: csi.example.com, volumeHandle: h, nodePublishSecretRef: { name: s, namespace: n } }, volumeAttributesClassName: gold',
      ),
    ],
    [
      volume(
        'local: { path: /mnt }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [n] }] }] } }',
      ),
    ],
    [volume('local: { path: /mnt }'), 'spec.nodeAffinity: Required value: Local volume requires node affinity'],
    [
      volume('hostPath: { path: /mnt }, nodeAffinity: {}'),
      'spec.nodeAffinity.required: Required value: must specify required node constraints',
    ],
    [
      volume(
        'hostPath: { path: /mnt }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: a, operator: Near }] }] } }',
      ),
      'spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
    ],
    [
      volume('iscsi: { targetPortal: 1.2.3.4, iqn: iqn.x, lun: 300 }'),
      'spec.iscsi.iqn: Invalid value: "iqn.x": must be valid format',
      'spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
    ],
    [
      volume('csi: { driver: csi.example.com, volumeHandle: h, nodePublishSecretRef: { name: s } }'),
      'spec.csi.nodePublishSecretRef.namespace: Required value',
    ],
    [
      volume('nfs: { server: s, path: / }, volumeAttributesClassName: gold'),
      'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
    ],
  ],
  PersistentVolumeClaim: [
    [claim('dataSource: { kind: PersistentVolumeClaim, name: b }')],
    [
      claim('dataSource: { kind: VolumeSnapshot, name: b }'),
      'spec.dataSource: Invalid value: "VolumeSnapshot": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
      'spec.dataSourceRef: Invalid value: "VolumeSnapshot": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
    ],
    [
      claim('dataSourceRef: { apiGroup: a.b, kind: X, name: b }, dataSource: { apiGroup: a.b, kind: X, name: c }'),
      'spec: Invalid value: "spec.dataSource": must match dataSourceRef',
    ],
  ],
  Secret: [
    ['{ type: kubernetes.io/dockerconfigjson, data: { .dockerconfigjson: e30= } }'],
    [
      '{ type: kubernetes.io/dockerconfigjson, data: { .dockerconfigjson: eA== } }',
      'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": must be a JSON object',
    ],
    ['{ type: kubernetes.io/ssh-auth, data: { ssh-privatekey: "" } }', 'data[ssh-privatekey]: Required value'],
  ],
  ResourceQuota: [
    ['spec: { hard: { requests.hugepages-2Mi: 1Gi, count/deployments.apps: "3", requests.nvidia.com/gpu: "4" } }'],
    ['spec: { hard: { pods: 500m } }', 'spec.hard[pods]: Invalid value: "500m": must be an integer'],
  ],
  LimitRange: [
    ['spec: { limits: [{ type: PersistentVolumeClaim, max: { storage: 1Gi } }] }'],
    [
      'spec: { limits: [{ type: Node, max: { cpu: "1" } }] }',
      'spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified',
    ],
    [
      'spec: { limits: [{ type: Pod, max: { storage: 1Gi } }] }',
      'spec.limits[0].max[storage]: Invalid value: "storage": must be a standard resource for containers',
    ],
  ],
  Node: [
    ['spec: { taints: [{ key: a, effect: NoSchedule }, { key: a, effect: NoExecute }] }'],
    [
      'spec: { taints: [{ key: a, effect: NoSchedule }, { key: a, effect: NoSchedule }] }',
      'metadata.taints[1]: Duplicate value: {"key":"a","value":"","effect":"NoSchedule"}: taints must be unique by key and effect pair',
    ],
  ],
};

for (const [kind, cases] of Object.entries(rows)) {
  test(`what is wrong with a ${kind} is said in Kubernetes’ words, and what is right is taken`, (t) => {
    for (const [body, ...errors] of cases) t.deepEqual(errorsOf(kind, body), errors, body);
  });
}

const balancer = (spec: string): string =>
  `spec: { type: LoadBalancer, clusterIP: 10.96.0.1, ports: [{ port: 80 }], ${spec} }`;

test('a Service keeps its load balancer’s class and its health check’s port', (t) => {
  t.deepEqual(errorsOf('Service', balancer('loadBalancerClass: a/b'), balancer('loadBalancerClass: a/c')), [
    'spec.loadBalancerClass: Invalid value: "a/b": may not change once set',
  ]);
  t.deepEqual(errorsOf('Service', balancer('externalTrafficPolicy: Cluster'), balancer('loadBalancerClass: a/c')), [
    'spec.loadBalancerClass: Invalid value: "null": may not change once set',
  ]);
  const local = (port: number): string => balancer(`externalTrafficPolicy: Local, healthCheckNodePort: ${port}`);
  t.deepEqual(errorsOf('Service', local(30_001), local(30_002)), [
    'spec.healthCheckNodePort: Forbidden: field is immutable',
  ]);
});

test('an Ingress that has its class in two ways can still be changed', (t) => {
  const ingress = (name: string): string =>
    `{ metadata: { name: a, annotations: { kubernetes.io/ingress.class: a } }, spec: { ingressClassName: ${name}, defaultBackend: { service: { name: s, port: { number: 80 } } } } }`;
  t.deepEqual(errorsOf('Ingress', ingress('b')), [
    'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
  ]);
  t.deepEqual(errorsOf('Ingress', ingress('b'), ingress('b')), []);
});
