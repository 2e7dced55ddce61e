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
import { run, succeeds } from '../../compose/system.ts';
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

/** Followed by the run's pid, so that a later run knows whose it is. */
const projectPrefix = 'trimaster-chaos-';

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
  process.env.TRIMASTER_TEST_PROJECT ??= `${projectPrefix}${process.pid}`;
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
  await removeLeftovers();
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

/** Takes down what a run left that was killed before it could clean up. */
async function removeLeftovers(): Promise<void> {
  const projects = (await run('docker', ['compose', 'ls', '--all', '--quiet'])).split('\n');
  for (const name of projects) {
    const pid = name.startsWith(projectPrefix) ? Number(name.slice(projectPrefix.length)) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    console.log(`removing ${name}, which an earlier run left`);
    const down = ['down', '--volumes', '--remove-orphans', '--timeout=5'];
    await succeeds('docker', ['compose', '--project-name', name, ...down]);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
