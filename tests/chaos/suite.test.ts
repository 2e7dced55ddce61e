/** A short, seeded part of `npm run chaos`: one of each way in which a leader is lost, and of what is in front of it. */
import test from 'ava';
import { faultsNamed } from './faults/table.ts';
import { verdictOf } from './report/result.ts';
import { textReport } from './report/text.ts';
import { runChaos } from './run.ts';

const faults = ['kill-leader', 'cut-off-leader', 'pause-scheduler', 'deaf-leader', 'kill-scheduler'];

test('no promise is broken while leaders are killed, cut off and paused', async (t) => {
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const log = (line: string): void => t.log(line);
  const result = await runChaos({ seed: 1, faults: faultsNamed(faults), rounds: 1, log }, stop.signal);
  t.is(verdictOf(result), 'passed', textReport(result));
});
