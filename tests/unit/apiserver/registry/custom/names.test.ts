import test from 'ava';
import { settledStatus } from '../../../../../master/apiserver/registry/custom/conditions.ts';
import type { Definition } from '../../../../../master/apiserver/registry/custom/definition-types.ts';
import { parseJsonPath, valuesAt, withValueAt } from '../../../../../master/apiserver/registry/custom/json-path.ts';
import { compareVersions } from '../../../../../master/apiserver/registry/custom/version-order.ts';

const now = '2026-01-01T00:00:00Z';

function definition(plural: string, kind: string, shortNames: string[] = []): Definition {
  return {
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List`, shortNames },
      versions: [],
    },
  };
}

const settled = (one: Definition, ...others: Definition[]): Definition => ({
  ...one,
  status: settledStatus(one, [one, ...others], now) ?? one.status,
});

const stateOf = ({ status }: Definition): string[] =>
  (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);

test('names that nobody has are accepted, and then nothing changes any more', (t) => {
  const one = settled(definition('widgets', 'Widget', ['wd']));
  t.deepEqual(stateOf(one), ['NamesAccepted=True NoConflicts', 'Established=True InitialNamesAccepted']);
  t.deepEqual(one.status?.acceptedNames, one.spec.names);
  t.is(settledStatus(one, [one], now), undefined);
});

test('a name that another has is not accepted, and is once it is free', (t) => {
  const first = settled(definition('widgets', 'Widget', ['wd']));
  const second = settled(definition('wodgets', 'Wodget', ['wd']), first);
  t.deepEqual(stateOf(second), ['NamesAccepted=False ShortNamesConflict', 'Established=False NotAccepted']);
  t.regex(second.status?.conditions?.[0]?.message ?? '', /^"wd" is already in use$/);
  t.deepEqual(stateOf(settled(second)), ['NamesAccepted=True NoConflicts', 'Established=True InitialNamesAccepted']);
});

test('an established definition stays so with the names that it has when it asks for a taken one', (t) => {
  const first = settled(definition('widgets', 'Widget', ['wd']));
  const second = settled(definition('wodgets', 'Wodget', ['wo']), first);
  const greedy = settled(
    { ...second, spec: { ...second.spec, names: { ...second.spec.names, shortNames: ['wd'] } } },
    first,
  );
  t.deepEqual(stateOf(greedy), ['NamesAccepted=False ShortNamesConflict', 'Established=True InitialNamesAccepted']);
  t.deepEqual(greedy.status?.acceptedNames?.shortNames, ['wo']);
});

test('versions are preferred by how stable they are, and then by their numbers', (t) => {
  const versions = ['foo1', 'v1', 'v11alpha2', 'v2', 'v10', 'v3beta1', 'v10beta3', 'foo10', 'v12alpha1', 'v11beta2'];
  t.deepEqual(versions.toSorted(compareVersions), [
    ...['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'],
  ]);
});

test('paths lead to fields, items and what matches', (t) => {
  const object = {
    a: {
      'b.c/d': 1,
      list: [
        { n: 'x', v: 1 },
        { n: 'y', v: 2 },
      ],
    },
  };
  const at = (path: string): unknown[] => valuesAt(parseJsonPath(path), object);
  t.deepEqual(at(".a['b.c/d']"), [1]);
  t.deepEqual(at('.a.b\\.c/d'), [1]);
  t.deepEqual(at('.a.list[-1].n'), ['y']);
  t.deepEqual(at('{.a.list[*].n}'), ['x', 'y']);
  t.deepEqual(at('.a.list[?(@.v>1)].n'), ['y']);
  t.deepEqual(at('.a.toString'), []);
  t.throws(() => parseJsonPath('a.b'));
  t.throws(() => parseJsonPath('.a['));
  t.deepEqual(withValueAt({ spec: { a: 1 } }, ['spec', 'b', 'c'], 2), { spec: { a: 1, b: { c: 2 } } });
});
