import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';

test('a file that may be absent lies at the top of the build, where its folder is there for every image', (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../../compose/Dockerfile'), 'utf8');
  const optional = [...text.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) =>
    sources.split(' ').filter((source) => source.includes('[')),
  );
  t.true(optional.length > 0);
  t.deepEqual(
    optional.filter((source) => source.includes('/')),
    [],
  );
});
