import test from 'ava';
import { faults, faultsNamed } from '../../chaos/faults/table.ts';
import { summaryOf } from '../../chaos/judge.ts';
import { failuresBetween, longestGaps } from '../../chaos/load/gaps.ts';
import { type ClientKind, History } from '../../chaos/load/history.ts';
import { distributionOf } from '../../chaos/report/distribution.ts';
import { htmlReport } from '../../chaos/report/html.ts';
import {
  type ChaosResult,
  goals,
  measures,
  type Round,
  rowsOf,
  verdictOf,
  worseThan,
} from '../../chaos/report/result.ts';
import { textReport } from '../../chaos/report/text.ts';

test('a quantile is a value that was measured', (t) => {
  t.deepEqual(distributionOf([30, 10, 20]), { n: 3, p50: 20, p90: 30, p99: 30, max: 30 });
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  t.deepEqual(distributionOf(hundred), { n: 100, p50: 50, p90: 90, p99: 99, max: 100 });
  t.is(distributionOf([]), undefined);
});

test('a gap is the longest wait of any one client, up to the ends of the stretch', (t) => {
  const sign = (client: string, atMs: number, kind: ClientKind = 'read') => ({ kind, client, atMs });
  const signs = [sign('a', 0), sign('b', 0), sign('a', 100), sign('a', 400), sign('b', 450), sign('a', 500)];
  t.is(longestGaps(signs, 0, 500).read, 450, 'b waited from 0 to 450');
  t.is(longestGaps(signs, 200, 500).read, 250, 'what was before the stretch does not count');
  t.is(longestGaps(signs, 0, 2_000).read, 1_550, 'b had no success any more');
  t.is(longestGaps(signs, 0, 500).write, 0);
  const failures = [
    { ...sign('a', 10), reason: 'x' },
    { ...sign('a', 900), reason: 'x' },
  ];
  t.deepEqual(failuresBetween(failures, 0, 500), { read: 1, write: 0, watch: 0 });
});

test('faults are chosen by name or pattern, and an unknown name lists them', (t) => {
  t.deepEqual(
    faultsNamed(['kill-leader', 'kill-leader']).map(({ name }) => name),
    ['kill-leader'],
  );
  t.true(faultsNamed(['pause-*']).length >= 6);
  t.is(faultsNamed(['all']).length, faults.length);
  t.throws(() => faultsNamed(['kill-nobody']), { message: /there are: kill-leader/ });
});

test('each goal is about a fault and a measure that there are', (t) => {
  const names = new Set(faults.map(({ name }) => name));
  const known: ReadonlySet<string> = new Set(measures.map(({ name }) => name));
  t.deepEqual(
    goals.filter(({ fault, measure }) => !names.has(fault) || !known.has(measure)),
    [],
  );
});

const round = (electedMs: number): Round => ({
  ...{ fault: 'kill-leader', title: 'the <leader> killed', victim: 'master-1', atMs: 0 },
  takeovers: [{ role: 'scheduler', electedMs, leadingMs: electedMs + 20, firstActionMs: electedMs + 50, parts: {} }],
  ...{ gaps: { read: 5, write: 6, watch: 7 }, gapsAfter: { read: 1, write: 2, watch: 3 } },
  ...{ failures: { read: 1, write: 2, watch: 0 }, recoveredMs: 4_000 },
});
const result = (...results: Round[]): ChaosResult => ({
  ...{ seed: 7, faults: ['kill-leader'], rounds: 1, startedAt: '2026-01-01T00:00:00Z', machine: 'a machine' },
  ...{ interrupted: false, violations: [], sleepers: [], results },
  load: { seconds: 10, reads: 1_000, writes: 1_000, watchEvents: 1_000, watchesResumed: 1, failures: 3, reasons: [] },
});

test('the reports hold every measure, what is unavailable, and how to repeat the run', (t) => {
  const whole = result(round(1_000), round(1_200), { ...round(0), fault: 'delay-leader', unavailable: 'no netem' });
  const text = textReport(whole, []);
  t.regex(text, /scheduler: first action ms\s+2\s+1050\s+1250\s+1250\s+1250/);
  t.regex(text, /delay-leader: not available here: no netem/);
  t.regex(text, /passed; the same again: npm run chaos -- --seed 7 --rounds 1 --faults kill-leader/);
  const html = htmlReport(whole);
  t.false(/(?:src|href)=/.test(html), 'nothing is loaded');
  t.true(html.includes('the &#60;leader&#62; killed'));
  t.is(html.match(/<circle/g)?.length, 2 * (rowsOf(whole).length - 1), 'a mark for every value but the counts');
});

test('a comparison tells what got worse, and is silent about noise', (t) => {
  const worse = worseThan(result(round(1_000)), result(round(2_000)));
  t.deepEqual([...new Set(worse.map(({ measure }) => measure))], ['scheduler: elected', 'scheduler: first action']);
  t.deepEqual(worseThan(result(round(1_000)), result(round(1_050))), []);
});

test('failures are told by their reasons, whatever object they were about', (t) => {
  const history = new History();
  const failed = (reason: string) => ({ kind: 'write', client: 'w', atMs: 0, reason }) as const;
  history.failures.push(failed('503 register-1 is late'), failed('503 register-2 is late'), failed('reset'));
  t.deepEqual(summaryOf(history, 1, 1).reasons, [
    { reason: 'write: 503 … is late', count: 2 },
    { reason: 'write: reset', count: 1 },
  ]);
});

test('a run whose load was too small is inconclusive, and a violation fails it whatever else', (t) => {
  const load = summaryOf(new History(), 10, 1);
  t.regex(load.inconclusive ?? '', /the load was too small: 0 reads/);
  t.is(verdictOf({ ...result(), load }), 'inconclusive');
  t.is(verdictOf({ ...result(), load, violations: [{ oracle: 'registers', what: 'lost' }] }), 'failed');
  t.is(verdictOf(result()), 'passed');
});
