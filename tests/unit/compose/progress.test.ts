import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createProgress, remaining } from '../../../compose/progress.ts';

function recorder(memory?: string) {
  const lines: string[] = [];
  let now = 0;
  const output = { write: (text: string) => lines.push(text) };
  const progress = createProgress({ output, now: () => now, ...(memory ? { memory } : {}) });
  return { lines, progress, pass: (seconds: number) => (now += seconds * 1000) };
}

test('a step says what it does, how long is left and how long it took', async (t) => {
  const { lines, progress, pass } = recorder();
  await progress.step('Building', 30, async (report) => {
    pass(10);
    report('image 1 of 2');
    report('image 1 of 2');
    pass(5);
  });
  t.deepEqual(lines, [
    '  Building (about 30 s left)\n',
    '  Building: image 1 of 2 (about 20 s left)\n',
    '✔ Building (15.0 s)\n',
  ]);
});

test('what changes within a second is said once', async (t) => {
  const { lines, progress, pass } = recorder();
  await progress.step('Building', 30, async (report) => {
    for (const image of [1, 2, 3]) {
      pass(0.6);
      report(`image ${image}`);
    }
  });
  t.deepEqual(lines.slice(1, -1), ['  Building: image 2 (about 29 s left)\n']);
});

test('the next time the estimate is what it took', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-progress-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const memory = join(dir, 'times.json');
  const first = recorder(memory);
  await first.progress.step('Building', 30, async () => {
    first.pass(7);
  });
  const second = recorder(memory);
  await second.progress.step('Building', 30, async () => {});
  t.is(second.lines[0], '  Building (about 7 s left)\n');
});

test('a step that fails is marked, and its error goes on', async (t) => {
  const { lines, progress } = recorder();
  await t.throwsAsync(
    progress.step('Building', 30, async () => {
      throw new Error('no space');
    }),
    { message: 'no space' },
  );
  t.is(lines.at(-1), '✘ Building (0.0 s)\n');
});

test('an estimate that was too short is not shown as a negative time', (t) => {
  t.is(remaining(10, 14), '(14 s, a little longer than expected)');
  t.is(remaining(200, 10), '(about 3 min left)');
});
