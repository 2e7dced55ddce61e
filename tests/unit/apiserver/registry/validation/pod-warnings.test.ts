import test from 'ava';
import type { KubeObject, Pod } from '../../../../../master/api/types.ts';
import { deploymentStrategy } from '../../../../../master/apiserver/registry/strategies/deployments.ts';
import { podStrategy } from '../../../../../master/apiserver/registry/strategies/pods.ts';
import { type Changes, podOf } from './pods-of.ts';

const warned = (container: Changes, spec: Changes = {}, metadata: Changes = {}): string[] =>
  podStrategy.warnings?.(podOf(container, spec, metadata)) ?? [];

const rows: readonly [what: Parameters<typeof warned>, ...warnings: string[]][] = [
  [[{}]],
  [
    [{}, {}, { name: 'a.b' }],
    "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
  ],
  [
    [
      {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
          { name: 'A', value: '$(A)3' },
        ],
      },
    ],
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ],
  [
    [{ resources: { requests: { memory: '100m' }, limits: { memory: '1.5Gi' } } }],
    'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
  ],
  [
    [{ ports: [{ containerPort: 80 }, { containerPort: 80, hostPort: 8080 }, { containerPort: 80 }] }],
    'spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]',
    'spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]',
    'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]',
  ],
  [
    [{ ports: [{ containerPort: 80, hostIP: '192.0.2.1' }] }],
    'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:192.0.2.1}',
  ],
  [
    [{}, { nodeSelector: { 'beta.kubernetes.io/os': 'linux' }, imagePullSecrets: [{ name: 'a' }, { name: 'a' }, {}] }],
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.imagePullSecrets[1].name: duplicate name "a"',
    'spec.imagePullSecrets[2].name: invalid empty name ""',
  ],
  [
    [{}, { hostAliases: [{ ip: '2001:DB8::1' }, { ip: '2001:DB8::1' }], volumes: [{ name: 'v', gitRepo: {} }] }],
    'spec.volumes[0].gitRepo: deprecated in v1.11',
    'spec.hostAliases[0].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    'spec.hostAliases[1].ip: duplicate ip "2001:DB8::1"',
    'spec.hostAliases[1].ip: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
  ],
  [
    [
      {},
      {
        affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'a' }] } },
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'failure-domain.beta.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
        ],
      },
    ],
    'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
    'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
  ],
  [
    [{}, { terminationGracePeriodSeconds: -1 }, { annotations: { 'seccomp.security.alpha.kubernetes.io/pod': 'x' } }],
    'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
    'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
  ],
];

for (const [what, ...warnings] of rows) {
  test(`a new pod is warned of ${warnings[0] ?? 'nothing that is usual'}`, (t) => {
    t.deepEqual(warned(...what), warnings);
  });
}

test('a template is warned of when it is new or changed, a pod when it is new', (t) => {
  const { spec } = podOf({ securityContext: {} });
  const annotations = {
    'container.apparmor.security.beta.kubernetes.io/c': 'unconfined',
    'container.seccomp.security.alpha.kubernetes.io/c': 'unconfined',
  };
  const deployment = (generation: number): KubeObject => ({
    metadata: { name: 'web.v1', generation },
    ...{ spec: { template: { metadata: { annotations }, spec } } },
  });
  const inTemplate = [
    'spec.template.metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
    'spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
  ];
  t.deepEqual(deploymentStrategy.warnings?.(deployment(1)), [
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
    ...inTemplate,
  ]);
  t.deepEqual(deploymentStrategy.warnings?.(deployment(2), deployment(1)), inTemplate);
  t.deepEqual(deploymentStrategy.warnings?.(deployment(2), deployment(2)), []);
  const pod: Pod = podOf({}, { terminationGracePeriodSeconds: -1 });
  t.deepEqual(podStrategy.warnings?.(pod, pod), []);
});
