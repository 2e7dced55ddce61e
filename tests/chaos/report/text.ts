/** The report for a terminal. */
import { type ChaosResult, reached, rowsOf, verdictOf, type Worse } from './result.ts';

export function textReport(result: ChaosResult, worse?: readonly Worse[]): string {
  const { load, violations, sleepers, fencedWrites, results } = result;
  const rows = rowsOf(result);
  const lines: string[] = [];
  let fault = '';
  for (const row of rows) {
    if (row.fault !== fault) {
      fault = row.fault;
      lines.push(
        '',
        `${fault}: ${row.title}`,
        `${''.padEnd(36)}${['n', 'p50', 'p90', 'p99', 'max'].map(column).join('')}`,
      );
    }
    const { n, p50, p90, p99, max } = row.distribution;
    const unit = row.measure === 'failed requests' ? '' : ' ms';
    lines.push(`  ${(row.measure + unit).padEnd(34)}${[n, p50, p90, p99, max].map(column).join('')}`);
  }
  const missing = new Map(
    results.filter(({ unavailable }) => unavailable).map((round) => [round.fault, round.unavailable]),
  );
  for (const [name, why] of missing) lines.push('', `${name}: not available here: ${why}`);
  const goals = reached(rows);
  if (goals.length > 0) lines.push('', 'Against the goals:');
  for (const goal of goals) {
    const mark = goal.actualMs <= goal.atMostMs ? '✔' : '✘';
    lines.push(
      `  ${mark} ${goal.fault}, ${goal.measure}, ${goal.quantile}: ${goal.actualMs} ms of ${goal.atMostMs} ms (n = ${goal.n})`,
    );
  }
  if (worse) lines.push('', worse.length === 0 ? 'Nothing got worse.' : 'Worse than before:');
  for (const { fault: name, measure, quantile, before, now } of worse ?? []) {
    lines.push(`  ${name}, ${measure}, ${quantile}: ${before} → ${now}`);
  }
  lines.push(
    '',
    `${load.reads} reads, ${load.writes} writes and ${load.watchEvents} watch events in ${Math.round(load.seconds)} s; ${load.failures} failed; ${load.watchesResumed} watches resumed`,
    `${sleepers.length} leaders woke up beside their successor; ${fencedWrites === undefined ? 'fenced writes are not counted by this version' : `${fencedWrites} writes of deposed leaders refused`}`,
  );
  for (const { reason, count } of load.reasons) lines.push(`  ${String(count).padStart(5)} × ${reason}`);
  for (const { oracle, what } of violations) lines.push(`VIOLATION (${oracle}): ${what}`);
  if (load.inconclusive) lines.push(`INCONCLUSIVE: ${load.inconclusive}`);
  const again = `npm run chaos -- --seed ${result.seed} --rounds ${result.rounds} --faults ${result.faults.join(',')}`;
  lines.push('', `${verdictOf(result)}; the same again: ${again}`);
  return lines.join('\n');
}

const column = (value: number | string): string => String(value).padStart(8);
