import test from 'ava';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../../master/api/types.ts';
import { type ClaimReader, Claims } from '../../../../node/kubelet/volumes/claims.ts';
import { podWith } from './pods.ts';

const bound = (
  name: string,
  volumeName: string,
  more: PersistentVolumeClaim['metadata'] = {},
): PersistentVolumeClaim => ({
  metadata: { namespace: 'default', name, uid: `uid-${name}`, ...more },
  spec: { volumeName },
  status: { phase: 'Bound' },
});
const volumeOf = (name: string, claim: string, spec: PersistentVolume['spec']): PersistentVolume => ({
  metadata: { name },
  spec: { claimRef: { namespace: 'default', name: claim, uid: `uid-${claim}` }, ...spec },
});
const podOf = (claimName: string) =>
  podWith({
    volumes: [
      { name: 'tmp', emptyDir: {} },
      { name: 'data', persistentVolumeClaim: { claimName } },
    ],
  });
const node = { metadata: { name: 'node-1', labels: { disk: 'ssd' } } };

/** Objects as the API has them; `reads` counts how often one was asked for. */
function world(claims: PersistentVolumeClaim[], volumes: PersistentVolume[]) {
  const seen = { reads: 0 };
  const find = async <T extends { metadata?: { name?: string } }>(all: readonly T[], name: string): Promise<T> => {
    seen.reads += 1;
    const found = all.find(({ metadata }) => metadata?.name === name);
    if (!found) throw new Error(`${name} not found`);
    return found;
  };
  const read: ClaimReader = { claim: (_, name) => find(claims, name), volume: (name) => find(volumes, name) };
  return { seen, claims: new Claims(read) };
}

test('a claim stands for the directory of its volume, and is looked up once for a pod', async (t) => {
  const { claims, seen } = world(
    [bound('a', 'host'), bound('b', 'disk')],
    [volumeOf('host', 'a', { hostPath: { path: '/x' } }), volumeOf('disk', 'b', { local: { path: '/y' } })],
  );
  const pod = await claims.resolve(podOf('a'), node);
  t.deepEqual(pod.spec?.volumes, [
    { name: 'tmp', emptyDir: {} },
    { name: 'data', hostPath: { path: '/x' } },
  ]);
  await claims.resolve(podOf('a'), node);
  t.is(seen.reads, 2);
  claims.release('u1');
  t.deepEqual((await claims.resolve(podOf('b'), node)).spec?.volumes?.[1], {
    name: 'data',
    hostPath: { path: '/y', type: 'Directory' },
  });
});

test('a claim that is not bound, or whose volume is another’s or on another node, is not mounted', async (t) => {
  const on = (disk: string): PersistentVolume['spec'] => ({
    local: { path: '/y' },
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: [disk] }] }] },
    },
  });
  const { claims } = world(
    [
      { metadata: { name: 'new' }, spec: {}, status: { phase: 'Pending' } },
      ...[bound('late', 'taken'), bound('far', 'elsewhere'), bound('near', 'here'), bound('net', 'remote')],
    ],
    [
      volumeOf('taken', 'first', { hostPath: { path: '/x' } }),
      volumeOf('elsewhere', 'far', on('hdd')),
      volumeOf('here', 'near', on('ssd')),
      volumeOf('remote', 'net', { nfs: { server: 's', path: '/' } }),
    ],
  );
  const why = async (claim: string): Promise<string | undefined> =>
    (await t.throwsAsync(claims.resolve(podOf(claim), node)))?.message;
  t.is(await why('new'), 'error processing PVC default/new: PVC is not bound');
  t.is(await why('late'), 'PV taken is bound to another claim');
  t.regex((await why('far')) ?? '', /NodeAffinity check failed for volume "elsewhere" : no matching NodeSelectorTerms/);
  t.is(await why('net'), 'no volume plugin matched');
  t.is(await why('none'), 'none not found');
  await t.notThrowsAsync(claims.resolve(podOf('near'), node));
});

test('a volume for one pod only is the claim that was made for it', async (t) => {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'pod', uid: 'u1', controller: true }];
  const host = volumeOf('host', 'pod-scratch', { hostPath: { path: '/x' } });
  const pod = podWith({ volumes: [{ name: 'scratch', ephemeral: {} }] });
  const own = world([bound('pod-scratch', 'host', { ownerReferences })], [host]);
  t.deepEqual((await own.claims.resolve(pod, node)).spec?.volumes?.[0]?.hostPath, { path: '/x' });
  const foreign = world([bound('pod-scratch', 'host')], [host]);
  await t.throwsAsync(foreign.claims.resolve(pod, node), {
    message: 'PVC default/pod-scratch was not created for pod default/pod (pod is not owner)',
  });
});
