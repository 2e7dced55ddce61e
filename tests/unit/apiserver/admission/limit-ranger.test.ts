import test from 'ava';
import { kinds } from '../../../../master/api/kinds.ts';
import type { LimitRange, PersistentVolumeClaim, Pod } from '../../../../master/api/types.ts';
import { limitRanger } from '../../../../master/apiserver/admission/limit-ranger.ts';
import { creation, objectsWith, podOf } from './support.ts';

type Limits = NonNullable<LimitRange['spec']>['limits'];

const pluginOf = (...limits: Limits) =>
  limitRanger(objectsWith({ limitranges: [{ metadata: { name: 'l', namespace: 'default' }, spec: { limits } }] }));
const resources = (requests: Record<string, string>, limits: Record<string, string>) =>
  podOf({ containers: [{ name: 'c', image: 'i', resources: { requests, limits } }] });

test('containers that say nothing get the defaults, and the pod says so', async (t) => {
  const plugin = pluginOf({ type: 'Container', default: { cpu: '1', memory: '1Gi' }, defaultRequest: { cpu: '100m' } });
  const pod = podOf({ containers: [{ name: 'c', image: 'i', resources: { limits: { memory: '2Gi' } } }] });
  await plugin.admit?.(creation(pod));
  t.deepEqual(pod.spec?.containers[0]?.resources, {
    requests: { cpu: '100m', memory: '1Gi' },
    limits: { cpu: '1', memory: '2Gi' },
  });
  t.is(
    pod.metadata?.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container c; cpu limit for container c',
  );
});

test('what lies outside of the bounds is refused, with all that is wrong', async (t) => {
  const refused = async (plugin: ReturnType<typeof pluginOf>, pod: Pod): Promise<string> => {
    const error = await t.throwsAsync(async () => plugin.validate?.(creation(pod)));
    return error?.message ?? '';
  };
  const bounds = pluginOf({ type: 'Container', min: { cpu: '100m' }, max: { cpu: '1', memory: '1Gi' } });
  t.is(
    await refused(bounds, resources({ cpu: '50m', memory: '1Gi' }, { cpu: '2', memory: '1Gi' })),
    'pods "a" is forbidden: [minimum cpu usage per Container is 100m, but request is 50m, maximum cpu usage per Container is 1, but limit is 2]',
  );
  t.is(
    await refused(bounds, resources({ cpu: '100m' }, { cpu: '1' })),
    'pods "a" is forbidden: maximum memory usage per Container is 1Gi.  No limit is specified',
  );
  await t.notThrowsAsync(async () =>
    bounds.validate?.(creation(resources({ cpu: '1', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }))),
  );
  const ratio = pluginOf({ type: 'Container', maxLimitRequestRatio: { cpu: '2' } });
  t.is(
    await refused(ratio, resources({ cpu: '100m' }, { cpu: '300m' })),
    'pods "a" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
  );
});

test('a pod as a whole is what runs at once', async (t) => {
  const plugin = pluginOf({ type: 'Pod', max: { cpu: '1' } });
  const of = (cpu: string) => ({ image: 'i', resources: { requests: { cpu }, limits: { cpu } } });
  const pod = podOf({ initContainers: [{ name: 'i', ...of('1') }], containers: [{ name: 'c', ...of('900m') }] });
  await t.notThrowsAsync(async () => plugin.validate?.(creation(pod)));
  pod.spec?.containers.push({ name: 'd', ...of('200m') });
  await t.throwsAsync(async () => plugin.validate?.(creation(pod)), {
    message: 'pods "a" is forbidden: maximum cpu usage per Pod is 1, but limit is 1100m',
  });
});

test('a claim asks for no more and no less than allowed', async (t) => {
  const plugin = pluginOf({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } });
  const claim = (storage: string): PersistentVolumeClaim => ({ spec: { resources: { requests: { storage } } } });
  const validate = async (storage: string) =>
    plugin.validate?.(creation(claim(storage), { kind: kinds.persistentvolumeclaims }));
  await t.notThrowsAsync(validate('1Gi'));
  await t.throwsAsync(validate('3Gi'), {
    message:
      'persistentvolumeclaims "a" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
  });
});
