/** What of a pod depends on the rest of it, and what of it may change. */
import test from 'ava';
import type { Container, Pod, PodSpec } from '../../../../../master/api/types.ts';
import { podStrategy } from '../../../../../master/apiserver/registry/strategies/pods.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';
import { validateTemplate } from '../../../../../master/apiserver/registry/validation/workload.ts';
import { context } from './kinds-of.ts';
import { type Changes, errorsOf, lines, podOf } from './pods-of.ts';

const volume = (source: Changes): Changes => ({ volumes: [{ name: 'v', ...source }] });

const mounting = (mount: Changes, source: Changes = { emptyDir: {} }, more: Changes = {}): Pod =>
  podOf({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }], ...more }, volume(source));
const mounts = 'spec.containers[0].volumeMounts';

test('a volume is mounted where it can be, once at each place', (t) => {
  t.deepEqual(errorsOf(mounting({})), []);
  t.deepEqual(errorsOf(mounting({ subPath: '../x' })), [
    `${mounts}.subPath: Invalid value: "../x": must not contain '..'`,
  ]);
  t.deepEqual(errorsOf(mounting({ subPath: 'a', subPathExpr: 'b' })), [
    `${mounts}[0].subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive`,
  ]);
  t.deepEqual(errorsOf(mounting({ mountPropagation: 'Bidirectional' })), [
    `${mounts}.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers`,
  ]);
  t.deepEqual(errorsOf(mounting({ recursiveReadOnly: 'Enabled' })), [
    `${mounts}.recursiveReadOnly: Forbidden: may only be specified when readOnly is true`,
  ]);
  t.deepEqual(errorsOf(mounting({}, { emptyDir: {} }, { volumeDevices: [{ name: 'v', devicePath: '/v' }] })), [
    `${mounts}[0].name: Invalid value: "v": must not already exist in volumeDevices`,
    `${mounts}[0].mountPath: Invalid value: "/v": must not already exist as a path in volumeDevices`,
    'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
    'spec.containers[0].volumeDevices[0].name: Invalid value: "v": must not already exist in volumeMounts',
    'spec.containers[0].volumeDevices[0].devicePath: Invalid value: "/v": must not already exist as a path in volumeMounts',
  ]);
});

test('a template may leave to its pods what a pod must say itself', (t) => {
  const { spec } = podOf({ image: ' x', ports: [{ containerPort: 80 }] });
  const template = (changes: Partial<PodSpec>) => ({
    spec: { ...spec, containers: spec?.containers ?? [], ...changes },
  });
  const errors = new FieldErrors();
  validateTemplate(template({ hostNetwork: true, ephemeralContainers: [] }), 'template', errors);
  t.deepEqual(lines(errors), []);
  t.deepEqual(errorsOf(podOf({ ports: [{ containerPort: 80, hostPort: 81 }] }, { hostNetwork: true })), [
    'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
  ]);
});

test('an annotation by which a pod is chosen to go is a number', (t) => {
  const costly = (cost: string): Pod =>
    podOf({}, {}, { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } });
  t.deepEqual(errorsOf(costly('-100')), []);
  t.deepEqual(errorsOf(costly('much')), [
    'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "much": must be a 32bit integer',
  ]);
});

test('an AppArmor annotation names a container and a profile, says what the field says, and stays', (t) => {
  const key = 'container.apparmor.security.beta.kubernetes.io/';
  const confined = (profile: string, container: Changes = {}, spec: Changes = {}, name = 'c'): Pod =>
    podOf(container, spec, { annotations: { [key + name]: profile } });
  const field = (type: string, localhostProfile?: string): Changes => ({
    securityContext: { appArmorProfile: { type, ...(localhostProfile && { localhostProfile }) } },
  });
  const at = 'spec.containers[0].securityContext.appArmorProfile';
  for (const profile of ['runtime/default', 'unconfined', 'localhost/a']) t.deepEqual(errorsOf(confined(profile)), []);
  t.deepEqual(errorsOf(confined('localhost/a', field('Localhost', 'a'))), []);
  t.deepEqual(errorsOf(confined('other')), [
    `metadata.annotations[${key}c]: Invalid value: "other": invalid AppArmor profile name: "other"`,
  ]);
  t.deepEqual(errorsOf(confined('unconfined', {}, {}, 'd')), [
    `metadata.annotations[${key}d]: Invalid value: "d": container not found`,
  ]);
  t.deepEqual(errorsOf(confined('unconfined', field('RuntimeDefault'))), [
    `${at}.type: Forbidden: apparmor type in annotation and field must match`,
  ]);
  t.deepEqual(errorsOf(confined('unconfined', {}, field('RuntimeDefault'))), [
    `${at}.type: Forbidden: apparmor type in annotation and field must match`,
  ]);
  t.deepEqual(errorsOf(confined('localhost/a', field('Localhost', 'b'))), [
    `${at}.localhostProfile: Forbidden: apparmor profile in annotation and field must match`,
  ]);
  t.deepEqual(errorsOf(confined('unconfined'), confined('localhost/a')), [
    `metadata.annotations[${key}c]: Forbidden: may not remove or update AppArmor annotations`,
  ]);
  t.deepEqual(errorsOf(confined('unconfined'), podOf({})), [
    `metadata.annotations[${key}c]: Forbidden: may not add AppArmor annotations`,
  ]);
});

test('a pod that only its annotations confine has the fields that say so', (t) => {
  const profileOf = (profile: string, spec: Changes = {}) => {
    const annotations = { 'container.apparmor.security.beta.kubernetes.io/c': profile };
    const pod = podOf({}, spec, { annotations });
    const warnings: string[] = [];
    podStrategy.prepareForCreate?.(pod, { ...context, warnings }, '2026-01-01T00:00:00Z');
    t.deepEqual(errorsOf(pod), []);
    t.is(warnings.length, pod.spec?.containers[0]?.securityContext?.appArmorProfile ? 1 : 0);
    for (const warning of warnings)
      t.regex(warning, /: deprecated since v1.30; use the "appArmorProfile" field instead$/);
    return pod.spec?.containers[0]?.securityContext?.appArmorProfile;
  };
  t.deepEqual(profileOf('localhost/a'), { type: 'Localhost', localhostProfile: 'a' });
  t.deepEqual(profileOf('unconfined', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }), {
    type: 'Unconfined',
  });
  t.is(profileOf('unconfined', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }), undefined);
});

test('a container to debug with can be given only what a running pod still takes', (t) => {
  const old = podOf({});
  const asking = (container: Changes): Pod =>
    podOf({}, { ephemeralContainers: [{ name: 'd', image: 'x', ...container }] });
  const errorsWith = (container: Changes): string[] => {
    const { apply, validate } = podStrategy.subresources?.ephemeralcontainers ?? {};
    const errors = new FieldErrors();
    const pod: Pod | undefined = apply?.(asking(container), old, 'now');
    if (pod) validate?.(pod, old, errors);
    return lines(errors);
  };
  t.deepEqual(errorsWith({ targetContainerName: 'c' }), []);
  t.deepEqual(errorsWith({ name: 'c' }), ['spec.ephemeralContainers[0].name: Duplicate value: "c"']);
  t.deepEqual(errorsWith({ targetContainerName: 'z' }), [
    'spec.ephemeralContainers[0].targetContainerName: Not found: "z"',
  ]);
  t.deepEqual(errorsWith({ ports: [{ containerPort: 1, protocol: 'TCP' }] }), [
    'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ]);
});

test('while it waits at a gate, a pod may become choosier about its node, and gates only open', (t) => {
  const gated = podOf({}, { schedulingGates: [{ name: 'a' }], nodeSelector: { disk: 'ssd' } });
  const changed = (changes: Partial<PodSpec>, of: Pod = gated): Pod => ({
    ...of,
    spec: { containers: [], ...of.spec, ...changes },
  });
  t.deepEqual(errorsOf(changed({ nodeSelector: { disk: 'ssd', zone: 'a' } }), gated), []);
  t.deepEqual(errorsOf(changed({ schedulingGates: [] }), gated), []);
  t.deepEqual(errorsOf(changed({ nodeSelector: { disk: 'hdd' } }), gated), [
    'spec.nodeSelector: Invalid value: {"disk":"hdd"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
  ]);
  t.deepEqual(errorsOf(changed({ schedulingGates: [{ name: 'b' }] }), gated), [
    "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'b'",
  ]);
  const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] };
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
  t.deepEqual(errorsOf(changed({ affinity }), gated), []);
  t.regex(errorsOf(changed({ affinity }, podOf({})), podOf({})).join(), /^spec: Forbidden: pod updates may not change/);
  t.deepEqual(errorsOf(gated, changed({ affinity })), [
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Invalid value: []: no additions/deletions to non-empty NodeSelectorTerms list are allowed',
  ]);
});

test('a resize changes how much processor and memory there is, and takes no limit away', (t) => {
  const sized = (resources: Container['resources']): Pod => podOf({ resources: { ...resources } });
  const old = sized({ requests: { cpu: '1', memory: '1Gi' } });
  const resized = (resources: Container['resources']): string[] => {
    const { apply, validate } = podStrategy.subresources?.resize ?? {};
    const errors = new FieldErrors();
    const pod: Pod | undefined = apply?.(sized(resources), old, 'now');
    if (pod) validate?.(pod, old, errors);
    return lines(errors);
  };
  t.deepEqual(resized({ requests: { cpu: '2', memory: '2Gi' } }), []);
  t.deepEqual(resized({ requests: { cpu: '2' } }), [
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
  ]);
});

test('labels that only the pod knows the values of are written into its selectors, once', (t) => {
  const hash = { 'pod-template-hash': 'x1' };
  const spread = (labelSelector: unknown): Changes => ({
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector,
        matchLabelKeys: Object.keys(hash),
      },
    ],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'zone', labelSelector: {}, mismatchLabelKeys: ['tenant'] },
        ],
      },
    },
  });
  const made = (labelSelector: unknown): Pod => {
    const pod = podOf({}, spread(labelSelector), { labels: { ...hash, tenant: 't' } });
    podStrategy.prepareForCreate?.(pod, context, '2026-01-01T00:00:00Z');
    return pod;
  };
  const pod = made({ matchLabels: { app: 'a' } });
  t.deepEqual(pod.spec?.topologySpreadConstraints?.[0]?.labelSelector, {
    matchLabels: { app: 'a' },
    matchExpressions: [{ key: 'pod-template-hash', operator: 'In', values: ['x1'] }],
  });
  t.deepEqual(pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector, {
    matchExpressions: [{ key: 'tenant', operator: 'NotIn', values: ['t'] }],
  });
  t.deepEqual(errorsOf(pod), []);
  t.deepEqual(errorsOf(made({ matchLabels: hash })), [
    'spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "pod-template-hash": exists in both matchLabelKeys and labelSelector',
  ]);
});

test('a pod that was taken under other rules can still lose its finalizers, and nothing of its spec can change', (t) => {
  const old = podOf({ image: ' x' }, {}, { finalizers: ['a/b'] });
  const { finalizers: _gone, ...metadata } = old.metadata ?? {};
  t.deepEqual(errorsOf({ ...old, metadata }, old), []);
  const changed = podOf({ image: ' y' });
  t.deepEqual(errorsOf(changed, old), [
    'spec.containers[0].image: Invalid value: " y": must not have leading or trailing whitespace',
  ]);
});
