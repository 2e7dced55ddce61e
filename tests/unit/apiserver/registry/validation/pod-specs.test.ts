/** The rules of pods, each with one thing wrong, and pods as charts write them, in which nothing is. */
import test from 'ava';
import { type Changes, errorsOf, podOf, type Row, read } from './pods-of.ts';
import { typicalPods } from './typical-pods.ts';

const term = (preference: unknown): Changes => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: preference } },
});
const near = (terms: unknown): Changes => ({
  affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [terms] } },
});
const away = (weighted: unknown): Changes => ({
  affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [weighted] } },
});
const nodeTerms = 'affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
const nearTerm = 'affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]';
const awayTerm = 'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]';
const qualified =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const spread = (constraint: Changes): Changes => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', ...constraint }],
});
const init = (container: Changes): Changes => ({ initContainers: [{ name: 'i', image: 'x', ...container }] });
const volume = (source: Changes): Changes => ({ volumes: [{ name: 'v', ...source }] });

/** Wrong specs, with what is said after `spec.`. */
const specs: Readonly<Record<string, readonly Row[]>> = {
  'where a pod wants to be': [
    [term({ nodeSelectorTerms: [] }), `${nodeTerms}: Required value: must have at least one node selector term`],
    [
      term({ nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] }),
      `${nodeTerms}[0].matchExpressions[0].values: Required value: must be specified when \`operator\` is 'In' or 'NotIn'`,
    ],
    [
      term({ nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1', '2'] }] }] }),
      `${nodeTerms}[0].matchExpressions[0].values: Required value: must be specified single value when \`operator\` is 'Lt' or 'Gt'`,
    ],
    [
      term({ nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Is' }] }] }),
      `${nodeTerms}[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator`,
    ],
    [
      term({ nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.uid', operator: 'In', values: ['x'] }] }] }),
      `${nodeTerms}[0].matchFields[0].key: Invalid value: "metadata.uid": not a valid field selector key`,
    ],
    [
      near({ labelSelector: {}, topologyKey: '' }),
      `${nearTerm}.topologyKey: Required value: can not be empty`,
      `${nearTerm}.topologyKey: Invalid value: "": name part must be non-empty`,
      `${nearTerm}.topologyKey: Invalid value: "": ${qualified}`,
    ],
    [
      near({ topologyKey: 'zone', matchLabelKeys: ['a'] }),
      `${nearTerm}.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set`,
    ],
    [
      near({ topologyKey: 'zone', labelSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] } }),
      `${nearTerm}.labelSelector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator`,
    ],
    [
      away({ weight: 101, podAffinityTerm: { topologyKey: 'zone' } }),
      `${awayTerm}.weight: Invalid value: 101: must be in the range 1-100`,
    ],
    [
      {
        affinity: {
          nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }] },
        },
      },
      'affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100',
    ],
    [
      { tolerations: [{ operator: 'Equal' }] },
      'tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      { tolerations: [{ key: 'a', effect: 'NoRun' }] },
      'tolerations[0].effect: Unsupported value: "NoRun": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
    ],
  ],
  'how pods are spread': [
    [spread({ maxSkew: 0 }), 'topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
    [spread({ topologyKey: '' }), 'topologySpreadConstraints[0].topologyKey: Required value: can not be empty'],
    [
      spread({ whenUnsatisfiable: 'Wait' }),
      'topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "Wait": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    [
      spread({ whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 }),
      'topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
    ],
    [
      spread({ nodeTaintsPolicy: 'Never' }),
      'topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: "Never": supported values: "Honor", "Ignore"',
    ],
    [
      spread({ matchLabelKeys: ['a'] }),
      'topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ],
    [
      {
        topologySpreadConstraints: [1, 2].map((maxSkew) => ({
          maxSkew,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
        })),
      },
      'topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: "{zone, DoNotSchedule}"',
    ],
  ],
  volumes: [
    [
      volume({ emptyDir: {}, hostPath: { path: '/x' } }),
      'volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [{ volumes: [{ name: 'v' }, { name: 'v' }] }, 'volumes[1].name: Duplicate value: "v"'],
    [
      volume({ hostPath: { path: '/a/../b' } }),
      'volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
    ],
    [
      volume({ hostPath: { path: '/a', type: 'Dir' } }),
      'volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
    [
      volume({ secret: { secretName: 's', defaultMode: 1000 } }),
      'volumes[0].secret.defaultMode: Invalid value: 1000: must be a number between 0 and 0777 (octal), both inclusive',
    ],
    [
      volume({ configMap: { name: 'c', items: [{ key: 'a', path: '/a' }] } }),
      'volumes[0].configMap.items[0].path: Invalid value: "/a": must be a relative path',
    ],
    [
      volume({ persistentVolumeClaim: { claimName: '' } }),
      'volumes[0].persistentVolumeClaim.claimName: Required value',
    ],
    [volume({ nfs: { server: 's', path: 'x' } }), 'volumes[0].nfs.path: Invalid value: "x": must be an absolute path'],
    [
      volume({ csi: { driver: '' } }),
      'volumes[0].csi.driver: Required value',
      "volumes[0].csi.driver: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ],
    [
      volume({ downwardAPI: { items: [{ path: 'a' }] } }),
      'volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
    ],
    [volume({ ephemeral: {} }), 'volumes[0].ephemeral.volumeClaimTemplate: Required value'],
    [
      volume({ ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } }),
      'volumes[0].ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value',
    ],
    [
      volume({ projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 60 } }] } }),
      'volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
    ],
    [
      volume({ projected: { sources: [{ secret: { name: 's' }, configMap: { name: 'c' } }] } }),
      'volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source',
    ],
    [
      volume({
        projected: { sources: [1, 2].map(() => ({ configMap: { name: 'c', items: [{ key: 'a', path: 'a' }] } })) },
      }),
      'volumes[0].projected: Invalid value: "c": conflicting duplicate paths',
    ],
    [
      {
        serviceAccountName: '',
        ...volume({ projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
      },
      'volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
  ],
  'what it asks of its node': [
    [
      { securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] }, hostNetwork: true },
      'securityContext.sysctls[0].name: Invalid value: "net.core.somaxconn": may not be specified when \'hostNetwork\' is true',
    ],
    [
      { securityContext: { sysctls: [{ name: 'a..b', value: '1' }] } },
      'securityContext.sysctls[0].name: Invalid value: "a..b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
    [
      { securityContext: { fsGroupChangePolicy: 'x' } },
      'securityContext.fsGroupChangePolicy: Unsupported value: "x": supported values: "Always", "OnRootMismatch"',
    ],
    [
      { securityContext: { supplementalGroups: [-1] } },
      'securityContext.supplementalGroups[0]: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ],
    [{ hostUsers: false, hostPID: true }, 'HostPID: Forbidden: when `pod.Spec.HostUsers` is false'],
    [{ os: { name: 'plan9' } }, 'os: Unsupported value: "plan9": supported values: "linux", "windows"'],
    [
      { os: { name: 'windows' }, securityContext: { fsGroup: 1 } },
      'securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
    ],
    [
      { os: { name: 'linux' }, securityContext: { windowsOptions: { hostProcess: false } } },
      'securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
    ],
    [
      { overhead: { cpus: '1' } },
      'overhead.limits[cpus]: Invalid value: "cpus": must be a standard resource type or fully qualified',
      'overhead.limits[cpus]: Invalid value: "cpus": must be a standard resource for containers',
    ],
    [
      { resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } },
      'resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      { resourceClaims: [{ name: 'gpu' }] },
      'resourceClaims[0]: Invalid value: {"name":"gpu"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
    ],
  ],
  'names and gates': [
    [{ dnsPolicy: 'None' }, 'dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    [
      { hostAliases: [{ ip: 'x', hostnames: ['a'] }] },
      'hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { readinessGates: [{ conditionType: '' }] },
      'readinessGates[0].conditionType: Invalid value: "": name part must be non-empty',
      `readinessGates[0].conditionType: Invalid value: "": ${qualified}`,
    ],
    [{ schedulingGates: [{ name: 'a' }, { name: 'a' }] }, 'schedulingGates[1]: Duplicate value: "a"'],
    [
      { schedulingGates: [{ name: 'a' }], nodeName: 'n' },
      'nodeName: Forbidden: cannot be set until all schedulingGates have been cleared',
    ],
    [
      { preemptionPolicy: 'x' },
      'preemptionPolicy: Unsupported value: "x": supported values: "Never", "PreemptLowerPriority"',
    ],
    [
      { activeDeadlineSeconds: 0 },
      'activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    ],
    [
      { restartPolicy: 'Maybe' },
      'restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"',
    ],
  ],
  'containers that run first': [
    [init({ name: 'c' }), 'initContainers[0].name: Duplicate value: "c"'],
    [
      init({ readinessProbe: { tcpSocket: { port: 1 } } }),
      'initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      init({ lifecycle: { preStop: { exec: { command: ['x'] } } } }),
      'initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      init({ restartPolicy: 'Always', livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 3 } }),
      'initContainers[0].livenessProbe.successThreshold: Invalid value: 3: must be 1',
    ],
  ],
};

for (const [what, rows] of Object.entries(specs)) {
  test(`of pods, what is wrong with ${what} is said in Kubernetes’ words`, (t) => {
    for (const [changes, ...errors] of rows) {
      t.deepEqual(
        errorsOf(podOf({}, changes)),
        errors.map((error) => `spec.${error}`),
      );
    }
  });
}

test('pods as charts write them are right', (t) => {
  for (const [name, spec] of Object.entries(typicalPods)) {
    t.deepEqual(errorsOf(read({ metadata: { name, namespace: 'default' }, ...{ spec } })), [], name);
  }
});
