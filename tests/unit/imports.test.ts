/** Imports run one way: the picture of ARCHITECTURE.md, held to the code. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'ava';

const root = normalize(join(import.meta.dirname, '../..'));

/** For each folder, the folders that it may import from; the first row that holds a file counts. */
const allowed: readonly (readonly [room: string, ...from: string[]])[] = [
  ['master/api/'],
  ['lb/'],
  ['master/etcd/', 'master/api/'],
  ['master/apiserver/store/', 'master/api/'],
  ['master/apiserver/cel/', 'master/api/'],
  ['master/apiserver/webhooks/', 'master/api/'],
  [
    'master/apiserver/registry/',
    'master/apiserver/store/',
    'master/apiserver/admission/',
    'master/apiserver/cel/',
    'master/apiserver/webhooks/',
    'master/api/',
  ],
  [
    'master/apiserver/admission/',
    'master/apiserver/store/',
    'master/apiserver/registry/',
    'master/apiserver/cel/',
    'master/apiserver/webhooks/',
    'master/api/',
  ],
  [
    'master/apiserver/auth/',
    'master/apiserver/store/',
    'master/apiserver/registry/',
    'master/apiserver/admission/',
    'master/api/',
  ],
  ['master/apiserver/', 'master/api/'],
  ['master/scheduler/', 'master/api/'],
  ['master/controllers/', 'master/api/'],
  ['master/', 'master/api/', 'master/etcd/'],
  ['node/runtime/', 'master/api/'],
  ['node/certificates/', 'master/api/'],
  ['node/proxy/', 'node/certificates/', 'node/network/', 'lb/', 'master/api/'],
  ['node/network/', 'master/api/'],
  ['node/kubelet/', 'node/certificates/', 'node/runtime/', 'master/api/'],
  ['node/', 'lb/', 'master/api/'],
  ['compose/', 'master/api/'],
];

/** Packages that only some folders may load. */
const keepers: Readonly<Record<string, readonly string[]>> = {
  '@marcbachmann/cel-js': ['master/apiserver/cel/'],
  re2js: ['master/apiserver/cel/'],
  etcd3: ['master/apiserver/store/', 'master/etcd/'],
  express: ['master/apiserver/'],
  dockerode: ['node/runtime/'],
  croner: ['master/controllers/cronjob/'],
  '@kubernetes/client-node': [],
};

const sources = globSync('{master,lb,node,compose}/**/*.ts', { cwd: root }).toSorted();

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = text.matchAll(
    /^\s*(?:import|export)\s(?<type>type\s)?[^'";]*?from\s+'(?<from>[^']+)'|import\(\s*'(?<dynamic>[^']+)'|^import\s+'(?<bare>[^']+)'/gm,
  );
  return [...found].map(({ groups = {} }) => ({
    file,
    specifier: groups.from ?? groups.dynamic ?? groups.bare ?? '',
    typeOnly: groups.type !== undefined,
  }));
}

const imports = sources.flatMap(importsOf);

test('every import between folders runs in the direction that the design gives', (t) => {
  const wrong = imports.flatMap(({ file, specifier }) => {
    if (!specifier.startsWith('.')) return [];
    const target = normalize(join(dirname(file), specifier));
    const row = allowed.find(([room]) => file.startsWith(room));
    if (!row) return [`${file} stands in no room of the house`];
    return row.some((room) => target.startsWith(room)) ? [] : [`${file} imports ${target}`];
  });
  t.deepEqual(wrong, []);
});

test('no imports of the masters run in a circle', (t) => {
  const targets = Map.groupBy(
    imports.filter(({ file, specifier }) => file.startsWith('master/') && specifier.startsWith('.')),
    ({ file }) => file,
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    const since = way.indexOf(file);
    if (since >= 0) circles.push([...way.slice(since), file].join(' → '));
    if (since >= 0 || done.has(file)) return;
    for (const { specifier } of targets.get(file) ?? [])
      visit(normalize(join(dirname(file), specifier)), [...way, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  t.deepEqual(circles, []);
});

test('a package that belongs to one folder is loaded there only', (t) => {
  const wrong = imports.flatMap(({ file, specifier, typeOnly }) => {
    const keeper = keepers[specifier];
    if (!keeper || typeOnly || keeper.some((room) => file.startsWith(room))) return [];
    return [`${file} loads ${specifier}`];
  });
  t.deepEqual(wrong, []);
});

test('every package that is loaded is in package.json, and no other', (t) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const loaded = new Set(
    imports
      .filter(({ specifier, typeOnly }) => !typeOnly && !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map(({ specifier }) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      ),
  );
  t.deepEqual([...loaded].toSorted(), Object.keys(dependencies).toSorted());
});
