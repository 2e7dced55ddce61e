/**
 * `npm run chaos`: breaks a cluster of its own in every way that the table of faults has, while clients go on, and says what
 * they had to endure and whether any promise was broken. See README.md beside this file.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureImages } from '../../compose/images.ts';
import { ensureEngine, ensureInstalled } from '../../compose/install.ts';
import { createProgress } from '../../compose/progress.ts';
import { projectFrom } from '../../compose/project.ts';
import { commaList, command, wholeNumber } from '../../master/api/flags.ts';
import { faults, faultsNamed } from './faults/table.ts';
import { htmlReport } from './report/html.ts';
import { type ChaosResult, verdictOf, worseThan } from './report/result.ts';
import { textReport } from './report/text.ts';
import { runChaos } from './run.ts';

interface Flags {
  readonly seed: number;
  readonly faults: string[];
  readonly rounds: number;
  readonly report?: string;
  readonly compare?: string;
  readonly list?: boolean;
}

const flags = command('npm run chaos --', 'Breaks a cluster of its own on purpose, and proves what it promises.')
  .option(
    '--seed <number>',
    'order, victims and pace of the clients follow from it',
    wholeNumber,
    Date.now() % 1_000_000,
  )
  .option('--faults <names>', 'with commas; a name may have a *, as in pause-*', commaList, ['all'])
  .option('--rounds <number>', 'how often each fault', wholeNumber, 3)
  .option('--report <dir>', 'where report.json, report.txt and report.html are written')
  .option('--compare <file>', 'an earlier report.json: says what got worse')
  .option('--list', 'only say which faults there are')
  .parse()
  .opts<Flags>();

if (flags.list) {
  for (const { name, title } of faults) console.log(`${name.padEnd(26)}${title}`);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  // The reaper of testcontainers is an image of a registry; the run removes its containers itself.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!stop.signal.aborted) console.log('interrupted: healing what is broken and removing the cluster');
      stop.abort();
    });
  }
  const before: ChaosResult | undefined = flags.compare && JSON.parse(readFileSync(flags.compare, 'utf8'));
  const options = { seed: flags.seed, faults: faultsNamed(flags.faults), rounds: flags.rounds };
  const progress = createProgress({ output: process.stdout });
  await ensureInstalled(['kubectl'], progress);
  await ensureEngine(progress);
  await ensureImages(projectFrom(), progress);
  console.log(`${options.faults.length} faults, ${options.rounds} times each, seed ${options.seed}`);
  const result = await runChaos({ ...options, log: (line) => console.log(line) }, stop.signal);
  const worse = before && worseThan(before, result);
  console.log(textReport(result, worse));
  if (flags.report) {
    mkdirSync(flags.report, { recursive: true });
    writeFileSync(join(flags.report, 'report.json'), `${JSON.stringify(result, undefined, 1)}\n`);
    writeFileSync(join(flags.report, 'report.txt'), `${textReport(result, worse)}\n`);
    writeFileSync(join(flags.report, 'report.html'), htmlReport(result, worse));
  }
  return verdictOf(result) === 'passed' ? 0 : 1;
}
