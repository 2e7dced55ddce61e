import test from 'ava';
import { RoundRobin } from '../../../../node/proxy/userspace/round-robin.ts';

const [a, b, c] = ['10.244.1.2', '10.244.1.3', '10.244.1.4'].map((address) => ({ address, port: 80, local: true })) as [
  { address: string; port: number; local: boolean },
  { address: string; port: number; local: boolean },
  { address: string; port: number; local: boolean },
];

function turnsOf(endpoints: (typeof a)[], affinitySeconds?: number) {
  const turns = new RoundRobin();
  turns.update(endpoints, affinitySeconds);
  return turns;
}

test('each endpoint gets its turn', (t) => {
  const turns = turnsOf([a, b, c]);
  t.deepEqual(
    [0, 1, 2, 3].map(() => turns.next('client', 0)),
    [a, b, c, a],
  );
  t.is(turnsOf([]).next('client', 0), undefined);
});

test('the turn goes on after a change of the endpoints', (t) => {
  const turns = turnsOf([a, b, c]);
  turns.next('client', 0);
  turns.update([b, c], undefined);
  t.is(turns.next('client', 0), b);
  turns.update([a], undefined);
  t.is(turns.next('client', 0), a);
});

test('a client with affinity comes back to its endpoint as long as it comes within the time', (t) => {
  const turns = turnsOf([a, b, c], 10);
  t.is(turns.next('one', 0), a);
  t.is(turns.next('two', 0), b);
  t.is(turns.next('one', 9_999), a);
  t.is(turns.next('one', 19_998), a);
  t.is(turns.next('two', 19_998), c);
});

test('a client whose endpoint is gone, or has failed it, gets another one and stays there', (t) => {
  const turns = turnsOf([a, b, c], 10);
  t.is(turns.next('one', 0), a);
  t.is(turns.next('one', 0, { another: true }), b);
  t.is(turns.next('one', 0), b);
  turns.update([a, c], 10);
  t.is(turns.next('one', 0), c);
});
