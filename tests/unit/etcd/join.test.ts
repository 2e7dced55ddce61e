import test from 'ava';
import type { ListedMember } from '../../../master/etcd/client.ts';
import { nextJoinStep, type PeerState, type Seen } from '../../../master/etcd/join.ts';

const initialCluster = ['a', 'b', 'c'].map((name) => ({ name, peerUrl: `https://${name}:2380` }));
const listed = (name: string, more: Partial<ListedMember> = {}): ListedMember => ({
  id: `id-${name}`,
  name,
  peerUrls: [`https://${name}:2380`],
  clientUrls: [`https://${name}:2379`],
  isLearner: false,
  ...more,
});
const peers = (b: PeerState['kind'], c: PeerState['kind']): Map<string, PeerState> =>
  new Map([
    ['b', { kind: b, why: '' }],
    ['c', { kind: c, why: '' }],
  ]);
const seen = (more: Partial<Seen>): Seen => ({
  name: 'a',
  initialCluster,
  peers: peers('silent', 'silent'),
  agreed: undefined,
  added: false,
  onlyJoin: false,
  ...more,
});
const agreed = (...members: ListedMember[]) => ({ clusterId: '1', members });

test('a cluster is made when every other master is known to have no data', (t) => {
  t.deepEqual(nextJoinStep(seen({ peers: peers('empty', 'empty') })), { do: 'form' });
});

test('no cluster is made while any other master is silent or reads its log, has data, or is about to get some', (t) => {
  const kinds = ['silent', 'empty', 'starting', 'member', 'rejoining', 'restoring'] as const;
  for (const b of kinds) {
    for (const c of kinds) {
      const safe = [b, c].every((kind) => kind === 'empty');
      t.is(nextJoinStep(seen({ peers: peers(b, c) })).do, safe ? 'form' : 'wait', `${b}, ${c}`);
    }
  }
});

test('waiting says for whom and why', (t) => {
  const why = (known: Map<string, PeerState>) => {
    const step = nextJoinStep(seen({ peers: known }));
    return step.do === 'wait' ? step.why : step.do;
  };
  t.is(why(peers('empty', 'silent')), "c gave no answer and may have the cluster's data");
  t.is(why(peers('silent', 'silent')), "b and c gave no answer and may have the cluster's data");
  t.is(why(peers('empty', 'starting')), "c cannot say yet whether it has the cluster's data");
  t.is(why(peers('silent', 'member')), 'the cluster has no majority: its data is on c, and b gave no answer');
  t.regex(why(peers('empty', 'member')), /its data is on c only; it goes on from there with: npm run snapshot/);
  t.is(why(peers('member', 'member')), 'no majority of the cluster answers yet on b and c');
});

test('a lost member is removed, added as a learner, and joins with those that are there', (t) => {
  const others = [listed('b'), listed('c')];
  const lost = listed('a');
  t.deepEqual(nextJoinStep(seen({ agreed: agreed(lost, ...others) })), { do: 'remove', member: lost });
  t.deepEqual(nextJoinStep(seen({ agreed: agreed(...others) })), { do: 'add' });
  const fresh = listed('', { peerUrls: ['https://a:2380'], clientUrls: [], isLearner: true });
  t.deepEqual(nextJoinStep(seen({ agreed: agreed(...others, fresh), added: true })), {
    do: 'join',
    cluster: [initialCluster[1], initialCluster[2], initialCluster[0]],
  });
});

test('a learner of an earlier attempt may have held data: it is removed, not taken over', (t) => {
  const earlier = listed('', { peerUrls: ['https://a:2380'], clientUrls: [], isLearner: true });
  t.is(nextJoinStep(seen({ agreed: agreed(listed('b'), earlier) })).do, 'remove');
  t.is(nextJoinStep(seen({ agreed: agreed(listed('b'), listed('a', { isLearner: true })), added: true })).do, 'remove');
});

test('a member that the others count on from the first start, and that never ran, forms the cluster with them', (t) => {
  const unstarted = listed('a', { clientUrls: [] });
  t.deepEqual(nextJoinStep(seen({ agreed: agreed(unstarted, listed('b'), listed('c')) })), { do: 'form' });
});

test('a master that was told to join makes no cluster, and does not go back to the one that is given up', (t) => {
  t.is(nextJoinStep(seen({ onlyJoin: true, peers: peers('empty', 'empty') })).do, 'wait');
  const old = agreed(listed('b'), listed('c'));
  t.is(nextJoinStep(seen({ onlyJoin: true, givenUp: '1', agreed: old })).do, 'wait');
  t.is(nextJoinStep(seen({ onlyJoin: true, givenUp: '2', agreed: old })).do, 'add');
});
