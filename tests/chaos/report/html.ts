/**
 * The report as one HTML page that needs nothing else: for every fault and measure each single value as a mark on a scale,
 * with the quantiles, because a distribution is what a takeover is.
 */
import { roles } from '../witness/messages.ts';
import { type ChaosResult, type Row, reached, rowsOf, type takeoverParts, verdictOf, type Worse } from './result.ts';

const width = 460;
const height = 26;
const barWidth = 760;

export function htmlReport(result: ChaosResult, worse?: readonly Worse[]): string {
  const rows = rowsOf(result);
  const byFault = Map.groupBy(rows, ({ fault }) => fault);
  const { load, violations, results } = result;
  const missing = results.filter(({ unavailable }) => unavailable);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Trimaster under faults</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: light-dark(#1c2430, #e4e9f0); --soft: light-dark(#66707f, #97a3b4); --line: light-dark(#d8dee7, #37414f); --mark: light-dark(#1769aa, #6cb6f5); --bad: light-dark(#b3261e, #ff8a80); --good: light-dark(#1b7f4b, #6fd3a1); --page: light-dark(#fff, #161b22); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
table { border-collapse: collapse; width: 100% } th, td { padding: .15rem .5rem; text-align: right; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left } th { color: var(--soft); font-weight: 500 }
.soft { color: var(--soft) } .bad { color: var(--bad) } .good { color: var(--good) } .scroll { overflow-x: auto }
svg { display: block } svg .axis { stroke: var(--line) } svg circle { fill: var(--mark); fill-opacity: .55 } svg .quantile { stroke: var(--ink); stroke-width: 1.5 } svg text { fill: var(--soft); font-size: 9px } svg text.inside { fill: var(--page) }
${parts.map(({ part }, index) => `svg .${part} { fill: var(--mark); fill-opacity: ${1 - index * 0.2} }`).join(' ')}
</style></head><body>
<h1>Trimaster under faults: <span class="${verdictOf(result) === 'passed' ? 'good' : 'bad'}">${verdictOf(result)}</span></h1>
<p>${escaped(result.startedAt)}; ${escaped(result.machine)}; seed ${result.seed}. ${load.reads} reads, ${load.writes} writes, ${load.watchEvents} watch events in ${Math.round(load.seconds)} s; ${load.failures} requests failed.</p>
${violations.length === 0 ? '<p class="good">No acknowledged write lost, no stale read, no watch event lost, no second leader.</p>' : `<ul class="bad">${violations.map(({ oracle, what }) => `<li>${escaped(oracle)}: ${escaped(what)}</li>`).join('')}</ul>`}
${load.inconclusive ? `<p class="bad">Inconclusive: ${escaped(load.inconclusive)}</p>` : ''}
${goalTable(rows)}
${worse ? worseTable(worse) : ''}
<p class="soft">Below: every dot is one fault; the long stroke is p50, the short ones p90 and p99. Scales are logarithmic, in milliseconds.</p>
${[...byFault.values()].map(faultSection).join('\n')}
${missing.length === 0 ? '' : `<h2>Not available here</h2><ul>${[...new Set(missing.map(({ fault, unavailable }) => `<li>${escaped(fault)}: ${escaped(unavailable ?? '')}</li>`))].join('')}</ul>`}
</body></html>
`;
}

function goalTable(rows: readonly Row[]): string {
  const cells = reached(rows).map(
    ({ fault, measure, quantile, atMostMs, actualMs, n }) =>
      `<tr><td>${escaped(fault)}, ${escaped(measure)}</td><td>${quantile}</td><td>${atMostMs}</td><td class="${actualMs <= atMostMs ? 'good' : 'bad'}">${actualMs}</td><td>${n}</td></tr>`,
  );
  if (cells.length === 0) return '';
  return `<h2>Against the goals</h2><div class="scroll"><table><tr><th>what</th><th></th><th>at most, ms</th><th>measured, ms</th><th>n</th></tr>${cells.join('')}</table></div>`;
}

function worseTable(worse: readonly Worse[]): string {
  if (worse.length === 0) return '<p class="good">Nothing got worse than in the result compared with.</p>';
  const cells = worse.map(
    ({ fault, measure, quantile, before, now }) =>
      `<tr><td>${escaped(fault)}, ${escaped(measure)}</td><td>${quantile}</td><td>${before}</td><td class="bad">${now}</td></tr>`,
  );
  return `<h2>Worse than before</h2><div class="scroll"><table><tr><th>what</th><th></th><th>before</th><th>now</th></tr>${cells.join('')}</table></div>`;
}

function faultSection(rows: readonly Row[]): string {
  const [first] = rows;
  if (!first) return '';
  const cells = rows.map(({ measure, values, distribution: { n, p50, p90, p99, max } }) => {
    const picture = measure === 'failed requests' ? '' : strip(values, [p50, p90, p99]);
    return `<tr><td>${escaped(measure)}</td><td>${picture}</td>${[n, p50, p90, p99, max].map((value) => `<td>${value}</td>`).join('')}</tr>`;
  });
  const takeovers = roles.map((role) => partsBar(rows, role)).join('');
  return `<h2>${escaped(first.fault)} <span class="soft">${escaped(first.title)}</span></h2>
<div class="scroll"><table><tr><th></th><th></th><th>n</th><th>p50</th><th>p90</th><th>p99</th><th>max</th></tr>${cells.join('')}</table></div>${takeovers}`;
}

const parts = [
  { part: 'detected', says: 'detected' },
  { part: 'elected', says: 'elected' },
  { part: 'synced', says: 'synced' },
  { part: 'firstAction', says: 'first action' },
] as const satisfies readonly { part: (typeof takeoverParts)[number]; says: string }[];

/** What the median takeover of a role consists of, one bar from left to right; its scale is linear, and its own. */
function partsBar(rows: readonly Row[], role: string): string {
  const found = parts.flatMap(({ part, says }) => {
    const row = rows.find(({ measure }) => measure === `${role}: its part ${part}`);
    return row ? [{ part, says, ms: row.distribution.p50 }] : [];
  });
  const wholeMs = found.reduce((sum, { ms }) => sum + ms, 0);
  if (wholeMs === 0) return '';
  let x = 0;
  const bars = found.map(({ part, says, ms }) => {
    const wide = (ms / wholeMs) * barWidth;
    const label = wide > 60 ? `<text class="inside" x="${x + 4}" y="12">${says} ${ms} ms</text>` : '';
    const bar = `<rect class="${part}" x="${x.toFixed(1)}" y="0" width="${wide.toFixed(1)}" height="17"><title>${says}: ${ms} ms</title></rect>${label}`;
    x += wide;
    return bar;
  });
  const told = found.map(({ says, ms }) => `${says} ${ms}`).join(' + ');
  return `<p class="soft">${role}, the median takeover by its parts: ${told} ms</p><svg viewBox="0 0 ${barWidth} 17" width="${barWidth}" height="17" role="img" aria-label="${told} ms">${bars.join('')}</svg>`;
}

/** From 10 ms to 100 s. */
const place = (ms: number): number => 8 + ((Math.log10(Math.min(100_000, Math.max(10, ms))) - 1) / 4) * (width - 16);

function strip(values: readonly number[], quantiles: readonly number[]): string {
  const ticks = [10, 100, 1_000, 10_000, 100_000].map(
    (ms) =>
      `<line class="axis" x1="${place(ms)}" x2="${place(ms)}" y1="0" y2="${height - 9}"/><text x="${place(ms)}" y="${height - 1}" text-anchor="middle">${ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`}</text>`,
  );
  const dots = values.map(
    (ms, index) =>
      `<circle cx="${place(ms).toFixed(1)}" cy="${4 + ((index * 5) % 11)}" r="2.6"><title>${Math.round(ms)} ms</title></circle>`,
  );
  const strokes = quantiles.map(
    (ms, index) =>
      `<line class="quantile" x1="${place(ms).toFixed(1)}" x2="${place(ms).toFixed(1)}" y1="${index === 0 ? 0 : 5}" y2="${index === 0 ? height - 9 : 13}"/>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="distribution">${[...ticks, ...dots, ...strokes].join('')}</svg>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
