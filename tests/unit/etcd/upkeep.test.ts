import test from 'ava';
import type { ListedMember, MemberStatus } from '../../../master/etcd/client.ts';
import { nextUpkeep, type Seen } from '../../../master/etcd/upkeep.ts';

const gibibyte = 1024 ** 3;
const status = (memberId: string, more: Partial<MemberStatus> = {}): MemberStatus => ({
  clusterId: 'x',
  memberId,
  leaderId: 'a',
  isLearner: false,
  revision: 100,
  dbSize: gibibyte,
  dbSizeInUse: gibibyte,
  alarms: [],
  ...more,
});
const listed = (id: string, more: Partial<ListedMember> = {}): ListedMember => ({
  id,
  name: id,
  peerUrls: [],
  clientUrls: ['https://x'],
  isLearner: false,
  ...more,
});
const statuses = (...own: [string, Partial<MemberStatus>][]) =>
  new Map(own.map(([id, more]) => [`https://${id}`, status(id, more)]));
const seen = (more: Partial<Seen> = {}): Seen => ({
  now: 1_000_000,
  own: status('a'),
  unwellForMs: 0,
  neverLedForMs: 0,
  identity: { clusterId: 'x', memberId: 'a' },
  masters: 3,
  elsewhere: undefined,
  statuses: statuses(['a', {}], ['b', {}], ['c', {}]),
  complete: true,
  defragmentedAt: new Map(),
  freedAt: Number.NEGATIVE_INFINITY,
  ...more,
});
const wasteful = { dbSizeInUse: gibibyte / 4 };

test('a member that is well needs nothing', (t) => {
  t.is(nextUpkeep(seen()), undefined);
});

test('a member whose cluster does not come about looks for the others again, after a while', (t) => {
  const alone = { own: undefined, identity: undefined };
  t.is(nextUpkeep(seen({ ...alone, neverLedForMs: 5_000 })), undefined);
  t.deepEqual(nextUpkeep(seen({ ...alone, neverLedForMs: 10_000 })), { do: 'meet again' });
  t.is(nextUpkeep(seen({ ...alone, unwellForMs: 60_000 })), undefined);
});

test('a learner is promoted, whoever leads', (t) => {
  t.deepEqual(nextUpkeep(seen({ own: status('b', { isLearner: true }) })), { do: 'promote', id: 'b' });
});

test('space is given back by one follower after the other, and each only now and then', (t) => {
  const own = status('a', wasteful);
  const all = statuses(['a', wasteful], ['b', wasteful], ['c', wasteful]);
  t.deepEqual(nextUpkeep(seen({ own, statuses: all })), { do: 'defragment', url: 'https://b' });
  const after = new Map([['https://b', 999_000]]);
  t.deepEqual(nextUpkeep(seen({ own, statuses: all, defragmentedAt: after })), { do: 'defragment', url: 'https://c' });
});

test('a leader never gives space back itself: it hands over, and its successor has it done', (t) => {
  const own = status('a', wasteful);
  const all = statuses(['a', wasteful], ['b', {}], ['c', {}]);
  t.deepEqual(nextUpkeep(seen({ own, statuses: all })), { do: 'hand over', to: 'b' });
  t.is(nextUpkeep(seen({ own: status('b', { leaderId: 'c' }), statuses: all })), undefined, 'followers decide nothing');
});

test('no member is kept busy while another one is away, and small databases are left alone', (t) => {
  const all = statuses(['a', {}], ['b', wasteful]);
  t.is(nextUpkeep(seen({ statuses: all, complete: false })), undefined);
  const small = statuses(['a', {}], ['b', { dbSize: 1_000_000, dbSizeInUse: 1_000 }]);
  t.is(nextUpkeep(seen({ statuses: small })), undefined);
});

test('the only member of a cluster gives its space back itself', (t) => {
  const own = status('a', wasteful);
  const step = nextUpkeep(seen({ own, masters: 1, statuses: statuses(['a', wasteful]) }));
  t.deepEqual(step, { do: 'defragment', url: 'https://a' });
});

test('when space ran out the leader makes some, also with a member away, and not again within a minute', (t) => {
  const own = status('a', { alarms: [{ memberId: 'b', type: 'NOSPACE' }] });
  t.deepEqual(nextUpkeep(seen({ own, complete: false })), { do: 'free space' });
  t.is(nextUpkeep(seen({ own, freedAt: 950_000 })), undefined);
  t.is(nextUpkeep(seen({ own: { ...own, memberId: 'b' } })), undefined);
});

test('data is given up only when a majority of the masters goes on in a cluster without it', (t) => {
  const gone = (more: Partial<Seen>) => nextUpkeep(seen({ own: undefined, unwellForMs: 20_000, ...more }));
  const without = { clusterId: 'x', members: [listed('b'), listed('c')] };
  t.deepEqual(gone({ elsewhere: without }), { do: 'rejoin' });
  t.deepEqual(gone({ elsewhere: { clusterId: 'y', members: [listed('a'), listed('b')] } }), { do: 'rejoin' });
  t.is(gone({ elsewhere: { clusterId: 'x', members: [listed('a'), listed('b'), listed('c')] } }), undefined);
  t.is(gone({ elsewhere: without, unwellForMs: 5_000 }), undefined, 'it may be starting');
  t.is(gone({ elsewhere: undefined }), undefined, 'nobody has said so');
  t.is(gone({ elsewhere: { clusterId: 'y', members: [listed('b')] } }), undefined, 'one of three has no say');
  const learner = [listed('b'), listed('c', { isLearner: true })];
  t.is(gone({ elsewhere: { clusterId: 'y', members: learner } }), undefined, 'a learner has no say');
  t.is(gone({ elsewhere: without, identity: undefined }), undefined);
});
