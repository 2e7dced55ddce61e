import test from 'ava';
import { kinds } from '../../../master/api/kinds.ts';
import type { ControllerRevision } from '../../../master/api/types.ts';
import { reviseTo, templateOf, toForget } from '../../../master/controllers/history/revisions.ts';

const owner = (image: string, collisionCount?: number) => ({
  metadata: { namespace: 'default', name: 'agent', uid: 'd-1' },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    revisionHistoryLimit: 1,
    template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image }] } },
  },
  ...(collisionCount !== undefined && { status: { collisionCount } }),
});
const revise = (image: string, known: ControllerRevision[], collisionCount?: number) =>
  reviseTo(owner(image, collisionCount), kinds.daemonsets, 'hash', known);

test('a template gets a revision of its own, and its name follows from it', (t) => {
  const first = revise('1', []);
  t.deepEqual([first.step, first.revision.revision], ['create', 1]);
  t.is(revise('1', []).revision.metadata?.name, first.revision.metadata?.name);
  t.not(revise('1', [], 1).revision.metadata?.name, first.revision.metadata?.name);
  const second = revise('2', [first.revision]);
  t.deepEqual([second.step, second.revision.revision], ['create', 2]);
  t.is(revise('2', [first.revision, second.revision]).step, 'none');
  t.deepEqual(templateOf(second.revision), owner('2').spec.template);
});

test('a template that comes back gets the highest number again', (t) => {
  const first = revise('1', []).revision;
  const second = revise('2', [first]).revision;
  const back = revise('1', [first, second]);
  t.deepEqual([back.step, back.revision.revision, back.revision.metadata?.name], ['renumber', 3, first.metadata?.name]);
});

test('history keeps as many as it should beside those that pods have', (t) => {
  const known: ControllerRevision[] = [];
  for (const image of ['1', '2', '3', '4']) known.push(revise(image, known).revision);
  const [first, second] = known;
  t.deepEqual(
    toForget(owner('4'), known, (one) => one === first || one === known[3]),
    [second],
  );
});
