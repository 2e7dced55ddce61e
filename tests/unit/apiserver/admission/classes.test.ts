import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type { Binding, Ingress, PersistentVolumeClaim, Pod } from '../../../../master/api/types.ts';
import { defaultIngressClass, defaultStorageClass } from '../../../../master/apiserver/admission/default-classes.ts';
import { podTopologyLabels } from '../../../../master/apiserver/admission/pod-topology-labels.ts';
import { priority } from '../../../../master/apiserver/admission/priority.ts';
import { runtimeClass } from '../../../../master/apiserver/admission/runtime-class.ts';
import { storageObjectInUse } from '../../../../master/apiserver/admission/storage-object-in-use.ts';
import type { AdmissionPlugin } from '../../../../master/apiserver/admission/types.ts';
import { volumeClaimResize } from '../../../../master/apiserver/admission/volume-claim-resize.ts';
import { change, creation, objectsWith, podOf } from './support.ts';

const marked = (name: string, mark: string, creationTimestamp: string) => ({
  metadata: { name, creationTimestamp, annotations: { [mark]: 'true' } },
});
const storageMark = 'storageclass.kubernetes.io/is-default-class';
const objects = objectsWith({
  priorityclasses: [
    { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' },
    { metadata: { name: 'usual' }, value: 10, globalDefault: true },
  ],
  storageclasses: [
    { ...marked('old', storageMark, '2026-01-01T00:00:00Z'), provisioner: 'p' },
    { ...marked('new', storageMark, '2026-02-01T00:00:00Z'), provisioner: 'p' },
    { metadata: { name: 'grows' }, provisioner: 'p', allowVolumeExpansion: true },
  ],
  ingressclasses: [marked('web', 'ingressclass.kubernetes.io/is-default-class', '2026-01-01T00:00:00Z')],
  runtimeclasses: [
    {
      metadata: { name: 'boxed' },
      handler: 'box',
      overhead: { podFixed: { cpu: '100m' } },
      scheduling: { nodeSelector: { box: 'yes' }, tolerations: [{ key: 'box', operator: 'Exists' }] },
    },
  ],
});

async function admitted(plugin: AdmissionPlugin, spec: Partial<NonNullable<Pod['spec']>>) {
  const pod = podOf(spec);
  await plugin.admit?.(creation(pod));
  await plugin.validate?.(creation(pod));
  return pod.spec;
}

test("a pod has its class's priority, and the default one's where it names none", async (t) => {
  const plugin = priority(objects);
  t.like(await admitted(plugin, { priorityClassName: 'high' }), { priority: 1000, preemptionPolicy: 'Never' });
  t.like(await admitted(plugin, {}), { priority: 10, priorityClassName: 'usual' });
  t.like(await admitted(plugin, { priorityClassName: 'system-node-critical' }), { priority: 2_000_001_000 });
  await t.throwsAsync(admitted(plugin, { priorityClassName: 'high', priority: 5 }), {
    message:
      'pods "a" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
  });
});

test('there is one default priority class', async (t) => {
  const second = { metadata: { name: 'b' }, value: 1, globalDefault: true };
  await t.throwsAsync(
    async () => priority(objects).validate?.(creation(second, { kind: kinds.priorityclasses, name: 'b' })),
    {
      message:
        'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    },
  );
});

test('a claim and an ingress that name no class get the one that is marked, the newest of several', async (t) => {
  const claim: PersistentVolumeClaim = { spec: {} };
  await defaultStorageClass(objects).admit?.(creation(claim, { kind: kinds.persistentvolumeclaims }));
  t.is(claim.spec?.storageClassName, 'new');
  const own: PersistentVolumeClaim = { spec: { storageClassName: '' } };
  await defaultStorageClass(objects).admit?.(creation(own, { kind: kinds.persistentvolumeclaims }));
  t.is(own.spec?.storageClassName, '');
  const ingress: Ingress = { spec: {} };
  await defaultIngressClass(objects).admit?.(creation(ingress, { kind: kinds.ingresses }));
  t.is(ingress.spec?.ingressClassName, 'web');
});

test('a runtime class brings its overhead, and where the pod can run', async (t) => {
  const plugin = runtimeClass(objects);
  t.like(await admitted(plugin, { runtimeClassName: 'boxed' }), {
    overhead: { cpu: '100m' },
    nodeSelector: { box: 'yes' },
    tolerations: [{ key: 'box', operator: 'Exists' }],
  });
  await t.throwsAsync(admitted(plugin, { runtimeClassName: 'none' }), {
    message: 'pods "a" is forbidden: pod rejected: RuntimeClass "none" not found',
  });
  await t.throwsAsync(admitted(plugin, { runtimeClassName: 'boxed', nodeSelector: { box: 'no' } }), {
    message:
      'pods "a" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[box] = yes; pod.spec.nodeSelector[box] = no',
  });
  await t.throwsAsync(admitted(plugin, { overhead: { cpu: '1' } }), {
    message: /Pod Overhead set without corresponding RuntimeClass defined Overhead$/,
  });
});

test('a claim grows only where its class lets volumes grow', async (t) => {
  const claim = (storage: string, storageClassName: string): PersistentVolumeClaim => ({
    spec: { storageClassName, resources: { requests: { storage } } },
    status: { phase: 'Bound' },
  });
  const grow = async (className: string) =>
    volumeClaimResize(objects).validate?.(
      change(claim('2Gi', className), claim('1Gi', className), kinds.persistentvolumeclaims),
    );
  await t.notThrowsAsync(grow('grows'));
  await t.throwsAsync(grow('old'), { message: /must support resize$/ });
});

test('claims and volumes begin with the finalizer that keeps them while they are used', async (t) => {
  const rows = [
    [kinds.persistentvolumeclaims, 'kubernetes.io/pvc-protection'],
    [kinds.persistentvolumes, 'kubernetes.io/pv-protection'],
  ] as const;
  for (const [kind, finalizer] of rows) {
    const object = { metadata: { name: 'a', finalizers: ['x/y'] } };
    await storageObjectInUse.admit?.(creation(object, { kind }));
    t.deepEqual(object.metadata.finalizers, ['x/y', finalizer]);
    await storageObjectInUse.admit?.(creation(object, { kind }));
    t.is(object.metadata.finalizers.length, 2);
  }
});

test('a pod has the zone and region of its node, by its binding or from the start', async (t) => {
  const zone = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' };
  const plugin = podTopologyLabels(
    objectsWith({ nodes: [{ metadata: { name: 'n', labels: { other: 'x', ...zone } } }] }),
  );
  const binding: Binding = { metadata: { name: 'a', labels: { own: 'y' } }, target: { name: 'n' } };
  await plugin.admit?.(creation(binding, { subresource: 'binding' }));
  t.deepEqual(binding.metadata?.labels, { own: 'y', ...zone });
  const pod = podOf({ nodeName: 'n' });
  await plugin.admit?.(creation(pod));
  t.deepEqual(pod.metadata?.labels, zone);
  const unbound = podOf();
  await plugin.admit?.(creation(unbound));
  t.is(unbound.metadata?.labels, undefined);
});
