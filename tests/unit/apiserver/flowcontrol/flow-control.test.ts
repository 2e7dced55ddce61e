import test from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../../../master/api/types.ts';
import { deal } from '../../../../master/apiserver/flowcontrol/fair-queues.ts';
import { FlowControl, type Ticket } from '../../../../master/apiserver/flowcontrol/flow-control.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import type { UserInfo } from '../../../../master/apiserver/registry/context.ts';

const authenticated = 'system:authenticated';
const user = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, authenticated] });
const pods = parseRequest('GET', '/api/v1/namespaces/a/pods/b');
const forGood = new AbortController().signal;

function control(seats = 600, listed = 1): FlowControl {
  return new FlowControl({ seats, waitMs: 60_000, listed: () => listed });
}

/** A flow control with one level of so many seats for everybody but `other`, who has the rest. */
function twoLevels(seats: number, limitResponse: object, more: object = {}): FlowControl {
  const flow = control(2 * seats);
  const level = (name: string, limited: object): PriorityLevelConfiguration => ({
    metadata: { name },
    spec: { type: 'Limited', limited: { nominalConcurrencyShares: 10_000, ...limited } },
  });
  const schema = (name: string, precedence: number, subject: object): FlowSchema => ({
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name },
      matchingPrecedence: precedence,
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: '*' }, ...subject }],
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
        },
      ],
    },
  });
  flow.configure(
    [schema('other', 5, { user: { name: 'other' } }), schema('all', 6, {})],
    [
      level('other', { limitResponse: { type: 'Reject' }, ...more }),
      level('all', { limitResponse, borrowingLimitPercent: 0, ...more }),
    ],
  );
  return flow;
}

const queuing = (queues: number, handSize = 1, queueLengthLimit = 50) => ({
  type: 'Queue',
  queuing: { queues, handSize, queueLengthLimit },
});

test('the default configuration knows who is who', (t) => {
  const flow = control();
  const schemaOf = (who: UserInfo, method: string, url: string) => {
    const { schema, level } = flow.flowFor(who, parseRequest(method, url));
    return `${schema} ${level.settings.name}`;
  };
  const any = '/api/v1/namespaces/a/pods/b';
  const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x';
  t.is(schemaOf(user('admin', 'system:masters'), 'DELETE', any), 'exempt exempt');
  t.is(schemaOf({ name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'GET', '/readyz'), 'probes exempt');
  t.is(schemaOf(user('system:kube-scheduler'), 'PUT', lease), 'system-leader-election leader-election');
  t.is(schemaOf(user('system:kube-scheduler'), 'GET', any), 'kube-scheduler workload-high');
  t.is(
    schemaOf(user('system:kube-controller-manager'), 'PUT', '/api/v1/namespaces/a/endpoints/b'),
    'endpoint-controller workload-high',
  );
  t.is(
    schemaOf(user('system:node:n', 'system:nodes'), 'PATCH', '/api/v1/nodes/n/status'),
    'system-node-high node-high',
  );
  t.is(schemaOf(user('system:node:n', 'system:nodes'), 'GET', any), 'system-nodes system');
  const account = (namespace: string) =>
    user(`system:serviceaccount:${namespace}:x`, 'system:serviceaccounts', `system:serviceaccounts:${namespace}`);
  t.is(schemaOf(account('kube-system'), 'GET', any), 'kube-system-service-accounts workload-high');
  t.is(schemaOf(account('default'), 'GET', any), 'service-accounts workload-low');
  t.is(schemaOf(user('me'), 'GET', '/version'), 'global-default global-default');
  t.is(schemaOf({ name: 'nobody', groups: [] }, 'GET', any), 'catch-all catch-all');
  const nominal = flow.levels.map(({ settings }) => settings.nominalSeats);
  t.deepEqual(nominal, [0, 13, 74, 98, 25, 98, 245, 49]);
});

test('a level without queues refuses what finds no seat, and no other level notices', async (t) => {
  const flow = twoLevels(3, { type: 'Reject' });
  const tickets: Ticket[] = [];
  for (let index = 0; index < 3; index += 1) tickets.push(await flow.admit(user('a'), pods, forGood));
  const error = await Promise.resolve(flow.admit(user('b'), pods, forGood)).then(
    () => undefined,
    (refused) => refused,
  );
  t.true(isStatusError(error) && error.code === 429 && error.status.details?.retryAfterSeconds === 1);
  t.false(flow.admit(user('other'), pods, forGood) instanceof Promise);
  tickets[0]?.leave();
  tickets[0]?.leave();
  t.false(flow.admit(user('b'), pods, forGood) instanceof Promise);
  await t.throwsAsync(async () => flow.admit(user('b'), pods, forGood));
});

test('who floods a level waits behind himself, not in front of others', async (t) => {
  const flow = twoLevels(2, queuing(64, 6));
  const running: Ticket[] = [];
  const order: string[] = [];
  const ask = (name: string): Promise<void> =>
    Promise.resolve(flow.admit(user(name), pods, forGood)).then((ticket) => {
      order.push(name);
      running.push(ticket);
    });
  const all = Array.from({ length: 40 }, () => ask('elephant'));
  all.push(ask('mouse'), ask('mouse'));
  while (order.length < 42) {
    await new Promise(setImmediate);
    running.shift()?.leave();
  }
  await Promise.all(all);
  t.true(order.lastIndexOf('mouse') < 16, order.join(' '));
});

test('a full queue and a long wait are refused, and who has gone is forgotten', async (t) => {
  const flow = twoLevels(1, queuing(1, 1, 2));
  const first = await flow.admit(user('a'), pods, forGood);
  const gone = new AbortController();
  const refused = (waiting: unknown) =>
    Promise.resolve(waiting).then(
      () => 0,
      (error) => error.code,
    );
  const waiting = [refused(flow.admit(user('a'), pods, gone.signal)), flow.admit(user('a'), pods, forGood)];
  t.is(await refused(flow.admit(user('a'), pods, forGood)), 429);
  gone.abort();
  t.is(await waiting[0], 429);
  first.leave();
  const second = await waiting[1];
  t.is(flow.levels.find(({ settings }) => settings.name === 'all')?.executing, 1);
  (second as Ticket).leave();
  t.is(flow.levels.find(({ settings }) => settings.name === 'all')?.seats, 0);
  t.deepEqual(flow.flows.find(({ schema }) => schema === 'all')?.counts.refused, {
    'queue-full': 1,
    'concurrency-limit': 0,
    'time-out': 1,
  });
});

test('a level lends what it may while it does not need it, and has it back with the next seat', async (t) => {
  const flow = twoLevels(4, queuing(1), { lendablePercent: 50, borrowingLimitPercent: undefined });
  const tickets: Ticket[] = [];
  // Four of its own and two of the other's.
  for (let index = 0; index < 6; index += 1) {
    const ticket = flow.admit(user('a'), pods, forGood);
    t.false(ticket instanceof Promise);
    tickets.push(await ticket);
  }
  const waiting = flow.admit(user('a'), pods, forGood);
  t.true(waiting instanceof Promise);
  const others = [flow.admit(user('other'), pods, forGood), flow.admit(user('other'), pods, forGood)];
  t.false(others.some((ticket) => ticket instanceof Promise));
  tickets[0]?.leave();
  (await waiting).leave();
});

test('a large list takes more seats', async (t) => {
  const list = parseRequest('GET', '/api/v1/pods');
  const seatsOf = async (listed: number): Promise<number> => {
    const flow = control(600, listed);
    await flow.admit(user('me'), list, forGood);
    return flow.levels.reduce((sum, { seats }) => sum + seats, 0);
  };
  t.deepEqual(await Promise.all([100, 101, 450, 100_000].map(seatsOf)), [1, 2, 5, 7]);
});

test('a flow is dealt the same few of the queues each time, and flows are dealt different ones', (t) => {
  t.deepEqual(deal('a', 128, 6), deal('a', 128, 6));
  t.is(new Set(deal('a', 128, 6)).size, 6);
  t.is(deal('a', 3, 6).length, 3);
  const hands = Array.from({ length: 500 }, (_, index) => deal(`flow ${index}`, 64, 6));
  const used = new Set(hands.flat());
  t.is(used.size, 64);
  t.true(new Set(hands.map((hand) => hand.toSorted().join())).size > 490);
});
