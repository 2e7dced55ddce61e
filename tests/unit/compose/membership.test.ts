import test from 'ava';
import {
  nextName,
  type SeenMaster,
  sizeAdvice,
  whyNotAdd,
  whyNotRemove,
  whyNotRestart,
} from '../../../compose/membership.ts';

/** `+` votes and answers, `-` is away, `?` runs and does not vote. */
const masters = (signs: string): SeenMaster[] =>
  [...signs].map((sign, place) => ({ name: `master-${place + 1}`, votes: sign !== '?', answers: sign !== '-' }));

test('the first free name is taken', (t) => {
  t.is(nextName(['master-1', 'master-2', 'master-3']), 'master-4');
  t.is(nextName(['master-1', 'master-3', 'master-4']), 'master-2');
});

test('a master is added only to a cluster whose members all vote and answer', (t) => {
  t.is(whyNotAdd('master-4', masters('+++')), undefined);
  t.regex(whyNotAdd('master-4', masters('++-')) ?? '', /^master-3 must vote and answer first/);
  t.regex(whyNotAdd('master-5', masters('+++?')) ?? '', /^master-4 must vote and answer first/);
  t.is(whyNotAdd('master-3', masters('+++')), 'there is a master-3 already');
  t.regex(whyNotAdd('web-1', masters('+++')) ?? '', /is no name of a master/);
});

test('a master is removed only while enough others answer', (t) => {
  t.is(whyNotRemove('master-1', masters('+++')), undefined);
  t.is(whyNotRemove('master-3', masters('++-')), undefined, 'a dead one goes');
  t.regex(whyNotRemove('master-1', masters('++-')) ?? '', /only 1 of the other members would answer, .* takes 2/);
  t.is(whyNotRemove('master-1', masters('++++-')), undefined);
  t.regex(whyNotRemove('master-1', masters('+++--')) ?? '', /only 2 of the other members would answer, .* takes 3/);
  t.is(whyNotRemove('master-2', masters('++')), undefined);
  t.regex(whyNotRemove('master-2', masters('-+')) ?? '', /only 0 of the other members/);
  t.regex(whyNotRemove('master-1', masters('+')) ?? '', /the only member that votes/);
  t.is(whyNotRemove('master-4', masters('+++?')), undefined, 'one that never voted costs nothing');
  t.is(whyNotRemove('master-9', masters('+++')), 'there is no master-9');
});

test('a master is restarted only while all others are well', (t) => {
  t.is(whyNotRestart('master-1', masters('+++')), undefined);
  t.is(whyNotRestart('master-3', masters('++-')), undefined);
  t.is(whyNotRestart('master-1', masters('++-')), 'master-3 must vote and answer first');
  t.is(whyNotRestart('master-1', masters('+')), undefined);
});

test('an odd number of masters is advised', (t) => {
  t.is(sizeAdvice(3), undefined);
  t.is(sizeAdvice(4), '4 masters survive the loss of 1, no more than 3 do: an odd number is advised.');
  t.regex(sizeAdvice(2) ?? '', /survive the loss of 0/);
});
