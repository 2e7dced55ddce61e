/**
 * `npm test`: gets what the tests need, runs every stage, and ends with one line: `N passed, N failed`.
 *
 *   npm test                    all stages
 *   npm test -- unit sim        only these
 *
 * A stage that fails does not stop the others. What a stage started is ended when it is over, also after Ctrl-C: processes
 * with their process group, containers by the name of the run's own compose project.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { Argument } from 'commander';
import { ensureEngine, ensureInstalled, UserError } from '../compose/install.ts';
import type { Need } from '../compose/packages.ts';
import { createProgress } from '../compose/progress.ts';
import { run as runCommand } from '../compose/system.ts';
import { command } from '../master/api/flags.ts';

interface Stage {
  readonly name: string;
  readonly title: string;
  /** What it took on a machine of two cores. */
  readonly expectedS: number;
  readonly needs: readonly Need[];
  readonly engine?: boolean;
  readonly commands: readonly (readonly string[])[];
}

const ava = (...args: string[]): string[] => ['ava', ...args];

const stages: readonly Stage[] = [
  { name: 'types', title: 'Type check', expectedS: 5, needs: [], commands: [['tsc', '-p', '.']] },
  { name: 'lint', title: 'Lint and format', expectedS: 3, needs: [], commands: [['biome', 'check', '.']] },
  { name: 'unit', title: 'Unit tests', expectedS: 40, needs: ['iptables'], commands: [ava('tests/unit/**')] },
  { name: 'sim', title: 'Simulations', expectedS: 10, needs: [], commands: [ava('tests/sim/**')] },
  {
    name: 'integration',
    title: 'Integration tests, over real etcd with the real kubectl',
    expectedS: 240,
    needs: ['etcd', 'kubectl', 'unzip'],
    commands: [ava('--concurrency=1', '--timeout=5m', 'tests/integration/**')],
  },
  {
    name: 'chaos',
    title: 'Chaos run on the compose cluster',
    expectedS: 340,
    needs: ['kubectl'],
    engine: true,
    commands: [['node', 'compose/start.ts', '--build-only'], ava('--concurrency=1', '--timeout=15m', 'tests/chaos/**')],
  },
];

interface Count {
  passed: number;
  failed: number;
}

const root = join(import.meta.dirname, '..');
/** Every compose project that the tests make has a name that begins with this. */
const project = `trimaster-test-${process.pid}`;
const environment = {
  ...process.env,
  PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}:/usr/sbin:/sbin`,
  TRIMASTER_TEST_PROJECT: project,
  // What one process has compiled, the hundreds that follow need not: a third of their starting time.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'node-compile'),
  // The reaper of testcontainers is an image of a registry; the run removes its containers itself.
  TESTCONTAINERS_RYUK_DISABLED: process.env.TESTCONTAINERS_RYUK_DISABLED ?? 'true',
  FORCE_COLOR: process.stdout.isTTY ? '1' : '0',
};

const cli = command('npm test --', 'Runs the tests: all stages, or those that are named.').addArgument(
  new Argument('[stages...]', 'stages to run').choices(stages.map(({ name }) => name)),
);
const chosen: readonly string[] = cli.parse().args;
process.exitCode = await main(chosen.length > 0 ? stages.filter(({ name }) => chosen.includes(name)) : stages);

async function main(selected: readonly Stage[]): Promise<number> {
  const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/test-times.json') });
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
  const total: Count = { passed: 0, failed: 0 };
  try {
    await ensureInstalled([...new Set(selected.flatMap(({ needs }) => needs))], progress);
    if (selected.some(({ engine }) => engine)) await ensureEngine(progress);
    for (const [index, stage] of selected.entries()) {
      if (stop.signal.aborted) break;
      const leftS = selected.slice(index).reduce((sum, { expectedS }) => sum + expectedS, 0);
      progress.note(`\n${stage.title} (${index + 1} of ${selected.length}, about ${Math.ceil(leftS / 60)} min left)`);
      const count = await runStage(stage, stop.signal);
      total.passed += count.passed;
      total.failed += count.failed;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    progress.note(error.message);
    total.failed += 1;
  } finally {
    if (selected.some(({ engine }) => engine)) await removeContainers();
  }
  if (stop.signal.aborted) {
    progress.note('Stopped before the end.');
    total.failed += 1;
  }
  progress.note(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** A command that counts no tests of its own is one test. */
async function runStage({ commands }: Stage, signal: AbortSignal): Promise<Count> {
  const total: Count = { passed: 0, failed: 0 };
  for (const [program = '', ...args] of commands) {
    const { code, output } = await runGroup(program, args, signal);
    const failed = countIn(
      output,
      /(\d+) (?:tests?|hooks?|uncaught exceptions?|unhandled rejections?|known failures?) failed|(\d+) (?:uncaught exceptions?|unhandled rejections?)/g,
    );
    total.passed += program === 'ava' ? passedIn(output) : Number(code === 0);
    total.failed += code === 0 ? 0 : Math.max(1, failed);
    if (code !== 0 && program !== 'ava') break;
  }
  return total;
}

/** Tests that passed: a run in which some failed says their number nowhere, but has a line for each. */
function passedIn(output: string): number {
  return stripVTControlCharacters(output).match(/^ {2}✔ /gm)?.length ?? 0;
}

function countIn(output: string, pattern: RegExp): number {
  let sum = 0;
  for (const [, first, second] of output.matchAll(pattern)) sum += Number(first ?? second);
  return sum;
}

/** Runs a command in a process group of its own, which is ended with it. Its output is shown as it comes. */
async function runGroup(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, {
    cwd: root,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => endGroup(child, 'SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      process.stdout.write(text);
    });
  }
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on('error', (error) => {
    process.stdout.write(`${error.message}\n`);
    resolve(127);
  });
  child.on('close', (code) => resolve(code ?? 1));
  const code = await promise;
  signal.removeEventListener('abort', stop);
  endGroup(child, 'SIGKILL');
  return { code, output };
}

function endGroup({ pid }: ChildProcess, how: NodeJS.Signals): void {
  try {
    if (pid) process.kill(-pid, how);
  } catch {
    // The group is gone already: nothing is left to end.
  }
}

/** Removes what the run's own compose projects left behind; a run that ended well left nothing. */
async function removeContainers(): Promise<void> {
  const ls = await runCommand('docker', ['compose', 'ls', '--all', '--quiet']);
  for (const name of ls.split('\n').filter((line) => line.startsWith(project))) {
    await runCommand('docker', [
      'compose',
      '--project-name',
      name,
      'down',
      '--volumes',
      '--remove-orphans',
      '--timeout=5',
    ]);
  }
}
