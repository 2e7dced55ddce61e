import test from 'ava';
import type { Pod, ServiceAccount } from '../../../../master/api/types.ts';
import { serviceAccount } from '../../../../master/apiserver/admission/service-account.ts';
import { creation, objectsWith, podOf } from './support.ts';

const account = (name: string, more: Partial<ServiceAccount> = {}): ServiceAccount => ({
  ...more,
  metadata: { ...more.metadata, name, namespace: 'default' },
});

const plugin = serviceAccount(
  objectsWith({
    serviceaccounts: [
      account('default', { imagePullSecrets: [{ name: 'hub' }] }),
      account('quiet', { automountServiceAccountToken: false }),
      account('strict', {
        secrets: [{ name: 'own' }],
        metadata: { annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' } },
      }),
    ],
  }),
);
const path = '/var/run/secrets/kubernetes.io/serviceaccount';

async function admitted(spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<NonNullable<Pod['spec']>> {
  const pod = podOf(spec);
  await plugin.admit?.(creation(pod));
  await plugin.validate?.(creation(pod));
  return pod.spec ?? { containers: [] };
}

test("every container finds the account's token, the authority and the namespace in one volume", async (t) => {
  const spec = await admitted({ initContainers: [{ name: 'i', image: 'i' }] });
  const [volume] = spec.volumes ?? [];
  t.regex(volume?.name ?? '', /^kube-api-access-[a-z0-9]{5}$/);
  t.deepEqual(
    volume?.projected?.sources?.map((source) => Object.keys(source)[0]),
    ['serviceAccountToken', 'configMap', 'downwardAPI'],
  );
  t.is(volume?.projected?.sources?.[0]?.serviceAccountToken?.expirationSeconds, 3607);
  for (const { volumeMounts } of [...spec.containers, ...(spec.initContainers ?? [])]) {
    t.deepEqual(volumeMounts, [{ name: volume?.name ?? '', readOnly: true, mountPath: path }]);
  }
  t.deepEqual(spec.imagePullSecrets, [{ name: 'hub' }]);
});

test('the pod says whether it wants the token, and if it does not, its account', async (t) => {
  t.is((await admitted({ automountServiceAccountToken: false })).volumes, undefined);
  t.is((await admitted({ serviceAccountName: 'quiet' })).volumes, undefined);
  const spec = await admitted({ serviceAccountName: 'quiet', automountServiceAccountToken: true });
  t.is(spec.volumes?.length, 1);
});

test('a container that mounts something there itself keeps it, and a volume that is there is used', async (t) => {
  const own = { name: 'mine', mountPath: path };
  const spec = await admitted({ containers: [{ name: 'c', image: 'i', volumeMounts: [own] }] });
  t.deepEqual(spec.containers[0]?.volumeMounts, [own]);
  t.is(spec.volumes, undefined, 'nobody needs it');
  const again = await admitted({ volumes: [{ name: 'kube-api-access-12345', emptyDir: {} }] });
  t.is(again.volumes?.length, 1);
  t.is(again.containers[0]?.volumeMounts?.[0]?.name, 'kube-api-access-12345');
});

test('a pod of an account that is not there is refused', async (t) => {
  await t.throwsAsync(admitted({ serviceAccountName: 'none' }), {
    message: 'pods "a" is forbidden: error looking up service account default/none: serviceaccount "none" not found',
  });
});

test('an account that enforces it lends its pods no secrets but its own', async (t) => {
  const volumes = (secretName: string) => [{ name: 'v', secret: { secretName } }];
  await t.notThrowsAsync(admitted({ serviceAccountName: 'strict', volumes: volumes('own') }));
  await t.throwsAsync(admitted({ serviceAccountName: 'strict', volumes: volumes('other') }), {
    message:
      'pods "a" is forbidden: volume with secret.secretName="other" is not allowed because service account strict does not reference that secret',
  });
});

test('a mirror pod reaches for nothing of the API', async (t) => {
  const mirror = podOf({ serviceAccountName: 'default' }, { annotations: { 'kubernetes.io/config.mirror': 'x' } });
  await t.throwsAsync(async () => plugin.admit?.(creation(mirror)), {
    message: 'pods "a" is forbidden: a mirror pod may not reference service accounts',
  });
});
