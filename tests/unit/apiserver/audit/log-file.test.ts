import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { LogFile } from '../../../../master/apiserver/audit/log-file.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

test('lines are written in order, a full file is put aside, and old files go', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-audit-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const path = join(dir, 'audit.log');
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 15, 4, 5));
  const write = async (...lines: string[]): Promise<void> => {
    const onError = (error: Error) => t.fail(String(error));
    const file = new LogFile({ path, maxBytes: 10, maxBackups: 2, maxAgeMs: 0, onError, clock });
    for (const line of lines) file.write(line);
    await file.close();
  };
  await write('one', 'two');
  t.is(await readFile(path, 'utf8'), 'one\ntwo\n');
  await write('three');
  t.is(await readFile(path, 'utf8'), 'three\n');
  t.deepEqual((await readdir(dir)).toSorted(), ['audit-2026-01-02T15-04-05.000.log', 'audit.log']);
  for (const line of ['fourth', 'fifth', 'sixth']) {
    clock.advance(1000);
    await write(line);
  }
  const kept = ['audit-2026-01-02T15-04-07.000.log', 'audit-2026-01-02T15-04-08.000.log', 'audit.log'];
  t.deepEqual((await readdir(dir)).toSorted(), kept);
});
