import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createLogger } from '../../../master/api/logging.ts';
import { beginningWith, followMasters, mastersByName, writeMasters } from '../../../master/api/masters-file.ts';
import { within } from '../../support/within.ts';

const urlsOf = (...names: string[]) => mastersByName(names).map(({ apiserver }) => apiserver);

test('the masters are asked from the own one on, in a ring', (t) => {
  const masters = mastersByName(['a', 'b', 'c']);
  const names = (first: string) => beginningWith(masters, ({ name }) => name === first).map(({ name }) => name);
  t.deepEqual(names('b'), ['b', 'c', 'a']);
  t.deepEqual(names('none'), ['a', 'b', 'c']);
});

test('a process hears of masters that come and go, its own first, and nothing else that happens to the file counts', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'masters-'));
  const end = new AbortController();
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'masters.json');
  const heard: (readonly string[])[] = [];
  const following = followMasters(
    {
      path,
      urlOf: ({ apiserver }) => apiserver,
      urls: urlsOf('b', 'c', 'a'),
      apply: (urls) => void heard.push(urls),
      logger: createLogger('test', 'silent'),
      lookEveryMs: 5,
    },
    end.signal,
  );
  const hears = (times: number) =>
    within(
      10,
      () => heard.length,
      (length) => length === times,
    );
  writeMasters(path, mastersByName(['a', 'b', 'c']));
  writeMasters(path, mastersByName(['a', 'b', 'c', 'd']));
  await hears(1);
  // It was removed itself, or the file is not whole: what was known is used on.
  writeMasters(path, mastersByName(['c', 'd']));
  writeFileSync(path, '{');
  writeMasters(path, mastersByName(['b', 'd']));
  await hears(2);
  end.abort();
  await following;
  t.deepEqual(heard, [urlsOf('b', 'c', 'd', 'a'), urlsOf('b', 'd')]);
});
