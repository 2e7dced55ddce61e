import test from 'ava';
import type { ClusterRole, Pod } from '../../../master/api/types.ts';
import { CidrRanges } from '../../../master/controllers/cidr-ranges.ts';
import { aggregatedRules } from '../../../master/controllers/cluster-role-aggregation.ts';
import { checked, controllerTable, selectControllers } from '../../../master/controllers/controller-table.ts';
import { conditionsFor, deletionOrder } from '../../../master/controllers/namespace.ts';
import { secondsOf, stepFor } from '../../../master/controllers/node-ttl.ts';
import {
  excessTerminated,
  missingNodes,
  outOfService,
  unscheduledTerminating,
} from '../../../master/controllers/pod-gc.ts';
import { expirationMs, isBootstrapToken } from '../../../master/controllers/token-cleaner.ts';
import { claimFinalizer, finalizersOf, uses } from '../../../master/controllers/volume-protection.ts';
import { node, pod } from './objects.ts';

test('no range of pod addresses is given twice', (t) => {
  const ranges = new CidrRanges('10.244.0.0/16', 24);
  t.is(ranges.allocate('a'), '10.244.0.0/24');
  t.is(ranges.occupy('10.244.1.0/24', 'b'), undefined);
  t.is(ranges.allocate('c'), '10.244.2.0/24');
  t.is(ranges.occupy('10.244.0.0/24', 'd'), 'a', 'the holder is told');
  t.is(ranges.heldBy('c'), '10.244.2.0/24');
});

test('a freed range is used again only when the others are taken', (t) => {
  const ranges = new CidrRanges('10.0.0.0/22', 24);
  const first = ranges.allocate('a');
  ranges.allocate('b');
  t.deepEqual(ranges.release('a'), [first]);
  t.is(ranges.allocate('c'), '10.0.2.0/24');
  ranges.allocate('d');
  t.is(ranges.allocate('e'), first);
  t.is(ranges.allocate('f'), undefined);
  t.is(ranges.usage, 1);
});

test('ranges outside the network are nobody else’s business, and a network must hold a range', (t) => {
  const ranges = new CidrRanges('10.244.0.0/16', 24);
  t.is(ranges.occupy('192.168.0.0/24', 'a'), undefined);
  t.is(ranges.usage, 0);
  t.throws(() => new CidrRanges('10.244.0.0/25', 24), { message: /cannot be cut/ });
  t.throws(() => new CidrRanges('10.244.0.0', 24), { message: /not an IPv4 network/ });
});

test('a table of controllers with a name twice is refused', (t) => {
  t.throws(() => checked([{ name: 'a' }, { name: 'a' }]), { message: /has a twice/ });
});

test('--controllers selects all, some, or all but some, and knows its names', (t) => {
  const rows = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  const selected = (...selection: string[]): string =>
    selectControllers(rows, selection)
      .map(({ name }) => name)
      .join('');
  t.is(selected('*'), 'abc');
  t.is(selected('*', '-b'), 'ac');
  t.is(selected('b'), 'b');
  t.throws(() => selectControllers(rows, ['*', '-z']), { message: '"z" is not in the list of known controllers' });
  t.is(selectControllers(controllerTable, ['*']).length, controllerTable.length);
});

test('a namespace is emptied of its pods first and of its events last', (t) => {
  const order = deletionOrder().map(({ resource }) => resource);
  t.is(order[0], 'pods');
  t.is(order.at(-1), 'events');
  t.true(order.includes('secrets'));
  t.false(order.includes('nodes'));
});

test('the conditions of a namespace say what remains and which finalizers it waits for', (t) => {
  const remains = { left: [{ kind: 'pods', count: 2 }], finalizers: new Map([['a/b', 1]]), failures: [] };
  const conditions = conditionsFor([], remains, 0);
  const messageOf = (type: string): unknown => conditions.find((condition) => condition.type === type)?.message;
  t.is(messageOf('NamespaceContentRemaining'), 'Some resources are remaining: pods has 2 resource instances');
  t.is(
    messageOf('NamespaceFinalizersRemaining'),
    'Some content in the namespace has finalizers remaining: a/b in 1 resource instances',
  );
  t.is(conditions.find(({ type }) => type === 'NamespaceDeletionContentFailure')?.status, 'False');
});

test('finished pods above the threshold go, the oldest first', (t) => {
  const pods = [
    pod({ name: 'young', phase: 'Succeeded', created: 30 }),
    pod({ name: 'old', phase: 'Failed', created: 10 }),
    pod({ name: 'running', created: 1 }),
  ];
  t.deepEqual(
    excessTerminated(pods, 1).map(({ metadata }) => metadata?.name),
    ['old'],
  );
  t.deepEqual(excessTerminated(pods, 0), []);
});

test('pods of a node that is missing are found only after a while', (t) => {
  const pods = [pod({ name: 'a', node: 'gone' }), pod({ name: 'b', node: 'n1' }), pod({ name: 'c' })];
  const nodeOf = (name: string) => (name === 'n1' ? node('n1', 'True') : undefined);
  const missing = new Map<string, number>();
  t.deepEqual(missingNodes(pods, nodeOf, missing, 0), []);
  t.deepEqual(missingNodes(pods, nodeOf, missing, 40_000), ['gone']);
  t.deepEqual(
    missingNodes(pods, () => node('n1', 'True'), missing, 50_000),
    [],
  );
  t.is(missing.size, 0);
});

test('a leaving pod goes by force where no kubelet will end it: unassigned, or on a node out of service', (t) => {
  const lost = node('n1', 'Unknown', { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] });
  const leaving = pod({ name: 'a', node: 'n1', terminating: true });
  t.is(unscheduledTerminating([pod({ name: 'a', terminating: true }), leaving]).length, 1);
  t.is(outOfService([leaving, pod({ name: 'b', node: 'n1' })], () => lost).length, 1);
  t.is(outOfService([leaving], () => node('n1', 'Unknown')).length, 0, 'a silent node may still run it');
});

test('a bootstrap token ends when it says', (t) => {
  const token = {
    type: 'bootstrap.kubernetes.io/token',
    metadata: { namespace: 'kube-system' },
    data: { expiration: Buffer.from('2026-01-01T00:00:00Z').toString('base64') },
  };
  t.true(isBootstrapToken(token));
  t.is(expirationMs(token), Date.parse('2026-01-01T00:00:00Z'));
  t.is(expirationMs({ ...token, data: {} }), undefined);
});

test('a role that aggregates has the rules of all that it selects, each once, and not its own', (t) => {
  const rule = (resource: string) => ({ verbs: ['get'], apiGroups: [''], resources: [resource] });
  const role = (name: string, labels: Record<string, string>, ...resources: string[]) => ({
    metadata: { name, labels },
    rules: resources.map(rule),
  });
  const sum: ClusterRole = {
    ...role('sum', { part: 'yes' }, 'stale'),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }, { matchLabels: { other: 'yes' } }] },
  };
  const all = [
    sum,
    role('c', { other: 'yes' }, 'pods', 'nodes'),
    role('a', { part: 'yes' }, 'pods'),
    role('b', {}, 'secrets'),
  ];
  t.deepEqual(aggregatedRules(sum, all), [rule('pods'), rule('nodes')]);
  t.deepEqual(aggregatedRules(sum, [sum]), []);
});

test('a claim is kept while a pod on a node names it, and a volume while it is bound', (t) => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const kept = { metadata: { name: 'c', finalizers: ['x/y', claimFinalizer], deletionTimestamp } };
  t.is(
    finalizersOf(kept, claimFinalizer, () => true),
    undefined,
  );
  t.deepEqual(
    finalizersOf(kept, claimFinalizer, () => false),
    ['x/y'],
  );
  t.deepEqual(
    finalizersOf({ metadata: { name: 'old' } }, claimFinalizer, () => false),
    [claimFinalizer],
  );
  const volumes = [
    { name: 'v', persistentVolumeClaim: { claimName: 'c' } },
    { name: 'w', ephemeral: {} },
  ];
  const user = (nodeName?: string): Pod => ({ metadata: { name: 'p' }, spec: { containers: [], volumes, nodeName } });
  t.true(uses(user('n'), 'c'));
  t.true(uses(user('n'), 'p-w'));
  t.false(uses(user(), 'c'));
  t.false(uses(user('n'), 'd'));
});

test('the more nodes there are the longer they may go on with what they have read, and a node more or less changes little', (t) => {
  t.deepEqual(
    [0, 100, 101, 500, 501, 1_001, 2_001, 10_001].map((nodes) => secondsOf(stepFor(nodes))),
    [0, 0, 15, 15, 30, 60, 300, 600],
  );
  const large = stepFor(101);
  t.is(stepFor(95, large), large);
  t.is(stepFor(89, large), 0);
});
