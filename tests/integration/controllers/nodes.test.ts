/** The loss of nodes, against a real API server over real etcd, with short times. */
import test from 'ava';
import type { Node } from '../../../master/api/types.ts';
import { type Controllers, ControlPlane } from '../../support/control-plane.ts';
import { PaperNodes, replicationController } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let controllers: Controllers;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1', 'node-2', 'node-3');
  controllers = await (await plane.startControllers()).untilLeading();
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

const node = (name: string): Promise<Node> => plane.client.get('nodes', { name });
const ready = ({ status }: Node): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status;
const taints = ({ spec }: Node): string[] => (spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();

test.serial('every node gets a range of pod addresses of its own', async (t) => {
  const listed = await within(
    10,
    () => plane.client.list('nodes'),
    ({ items }) => items.every(({ spec }) => spec?.podCIDR),
  );
  const ranges = listed.items.map(({ spec }) => spec?.podCIDR);
  t.is(new Set(ranges).size, 3);
  t.true(ranges.every((range) => /^10\.244\.\d+\.0\/24$/.test(range ?? '')));
});

test.serial('every node is told for how long it may go on with what it has read', async (t) => {
  const told = ({ metadata }: Node) => metadata?.annotations?.['node.alpha.kubernetes.io/ttl'];
  const { items } = await within(
    10,
    () => plane.client.list('nodes'),
    ({ items }) => items.every((each) => told(each) !== undefined),
  );
  t.deepEqual(items.map(told), ['0', '0', '0']);
});

test.serial('the pods of a lost node leave the endpoints and are replaced on the others', async (t) => {
  const namespace = 'default';
  await plane.client.create('services', {
    metadata: { namespace, name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  await plane.client.create('replicationcontrollers', replicationController('web', 6));
  const addresses = async (): Promise<string[]> => {
    const { subsets = [] } = await plane.client.get('endpoints', { namespace, name: 'web' });
    return subsets.flatMap((subset) => subset.addresses ?? []).map(({ nodeName = '' }) => nodeName);
  };
  await within(20, addresses, (names) => names.length === 6 && names.includes('node-1'));
  const tolerations = [
    { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 3_600 },
  ];
  const spec = { nodeName: 'node-1', containers: [{ name: 'main', image: 'a:1' }], tolerations };
  await plane.client.create('pods', { metadata: { namespace, name: 'patient' }, spec });
  nodes.kill('node-1');
  const lost = await within(
    15,
    () => node('node-1'),
    (seen) => ready(seen) === 'Unknown' && taints(seen).length === 2,
  );
  t.deepEqual(taints(lost), ['node.kubernetes.io/unreachable:NoExecute', 'node.kubernetes.io/unreachable:NoSchedule']);
  const names = await within(15, addresses, (all) => all.length === 6 && !all.includes('node-1'));
  t.is(names.length, 6);
  const patient = await plane.client.get('pods', { namespace, name: 'patient' });
  t.is(patient.metadata?.deletionTimestamp, undefined, 'a pod stays for as long as it tolerates the loss');
  const slices = await within(
    10,
    () => plane.client.list('endpointslices', { namespace, labelSelector: 'kubernetes.io/service-name=web' }),
    ({ items }) => items.flatMap(({ endpoints = [] }) => endpoints).filter((e) => e.conditions?.ready).length === 6,
  );
  t.true(slices.items[0]?.metadata?.ownerReferences?.[0]?.kind === 'Service');
  const { items } = await plane.client.list('events', { namespace: 'default' });
  const said = items.map(({ reason, message }) => `${reason}: ${message}`);
  t.true(said.includes('NodeNotReady: Node node-1 status is now: NodeNotReady'));
  t.true(said.some((text) => text.startsWith('TaintManagerEviction: Marking for deletion Pod default/web-')));
});

test.serial('a node that comes back loses its taints, and its old pods go', async (t) => {
  await nodes.revive('node-1');
  const back = await within(
    10,
    () => node('node-1'),
    (seen) => ready(seen) === 'True' && taints(seen).length === 0,
  );
  t.is(back.metadata?.name, 'node-1');
  await within(
    10,
    () => plane.client.list('pods', { namespace: 'default', labelSelector: 'app=web' }),
    ({ items }) => items.length === 6 && items.every(({ metadata }) => !metadata?.deletionTimestamp),
  );
});

test.serial('cordoning taints a node', async (t) => {
  const cordon = (unschedulable: boolean) =>
    plane.client.patch('nodes', { name: 'node-2' }, { spec: { unschedulable } }, { type: 'merge' });
  await cordon(true);
  await within(
    10,
    () => node('node-2'),
    (seen) => taints(seen).includes('node.kubernetes.io/unschedulable:NoSchedule'),
  );
  await cordon(false);
  t.deepEqual(
    taints(
      await within(
        10,
        () => node('node-2'),
        (seen) => taints(seen).length === 0,
      ),
    ),
    [],
  );
});

test.serial('when all nodes are silent, none is evicted from', async (t) => {
  const before = await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=web' });
  for (const name of ['node-1', 'node-2', 'node-3']) nodes.kill(name);
  await within(
    15,
    () => plane.client.list('nodes'),
    ({ items }) => items.every((seen) => ready(seen) === 'Unknown'),
  );
  // Longer than the pods' toleration and several looks of the controller: time itself is what is tested here.
  const tolerated = Date.now() + 3_000;
  await within(
    10,
    () => Date.now(),
    (now) => now > tolerated,
  );
  const { items } = await plane.client.list('nodes');
  t.false(items.some((seen) => taints(seen).some((taint) => taint.endsWith(':NoExecute'))));
  const after = await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=web' });
  const uids = (list: typeof before) => list.items.map(({ metadata }) => metadata?.uid).sort();
  t.deepEqual(uids(after), uids(before));
  for (const name of ['node-1', 'node-2', 'node-3']) await nodes.revive(name);
  await within(
    10,
    () => plane.client.list('nodes'),
    (list) => list.items.every((seen) => ready(seen) === 'True' && taints(seen).length === 0),
  );
});

test.serial('a controller manager that could not see takes no node for dead', async (t) => {
  const before = await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=web' });
  controllers.pause();
  const longer = Date.now() + 5_000;
  await within(
    10,
    () => Date.now(),
    (now) => now > longer,
  );
  controllers.resume();
  await controllers.untilLeading();
  const settled = Date.now() + 1_500;
  await within(
    10,
    () => Date.now(),
    (now) => now > settled,
  );
  const { items } = await plane.client.list('nodes');
  t.deepEqual(
    items.map((seen) => [ready(seen), taints(seen).length]),
    [
      ['True', 0],
      ['True', 0],
      ['True', 0],
    ],
  );
  const after = await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=web' });
  t.deepEqual(
    after.items.map(({ metadata }) => metadata?.uid).sort(),
    before.items.map(({ metadata }) => metadata?.uid).sort(),
  );
});
