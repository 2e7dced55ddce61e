import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  allKinds,
  apiVersionOf,
  type Kind,
  kinds,
  reviewKinds,
  unstoredKinds,
  versionKinds,
} from '../../../master/api/kinds.ts';
import { controllerTable } from '../../../master/controllers/controller-table.ts';

const everything: readonly Kind[] = [
  ...allKinds,
  ...Object.values(versionKinds),
  ...Object.values(unstoredKinds),
  ...Object.values(reviewKinds),
];

test('ARCHITECTURE.md lists what is served, group by group, and nothing else', (t) => {
  const text = readFileSync(new URL('../../../ARCHITECTURE.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `((?:[a-z.0-9]+\/)?v\d)` \| ([a-z, ]+) \|/gm)];
  const listed = Object.fromEntries(rows.map(([, version = '', names = '']) => [version, names.trim().split(', ')]));
  const served: Record<string, string[]> = {};
  for (const kind of everything) {
    const version = apiVersionOf(kind);
    served[version] = [...(served[version] ?? []), kind.resource].toSorted();
  }
  t.deepEqual(listed, served);
});

test('what is said to have no controller has none', (t) => {
  const text = readFileSync(new URL('../../../ARCHITECTURE.md', import.meta.url), 'utf8');
  const without = /^\| `apps\/v1` .*no controller \|$/m.test(text);
  const running = controllerTable.some(({ name }) => /^(deployment|replicaset|statefulset|daemonset)/.test(name));
  t.is(without, !running);
});

test('another version has the resource, the scope and the short names of what is stored', (t) => {
  for (const { resource, namespaced, shortNames } of Object.values(versionKinds)) {
    const stored = Object.values(kinds).find((kind) => kind.resource === resource);
    t.like(stored, { namespaced });
    t.deepEqual(stored?.shortNames, shortNames);
  }
});
