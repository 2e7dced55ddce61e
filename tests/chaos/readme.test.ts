/** README is true: its commands are run in order, as they stand, on a cluster of the test's own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from './compose-cluster.ts';

const root = join(import.meta.dirname, '../..');
const project = `${process.env.TRIMASTER_TEST_PROJECT ?? `trimaster-test-${process.pid}`}-readme`;
const directory = mkdtempSync(join(tmpdir(), `${project}-`));
const environment: NodeJS.ProcessEnv = { ...process.env };

test.before(async () => {
  const own = {
    COMPOSE_PROJECT_NAME: project,
    TRIMASTER_PORT: String(await freePort()),
    TRIMASTER_ADMIN_PORT: String(await freePort()),
    TRIMASTER_KUBECONFIG_DIR: directory,
  };
  Object.assign(environment, own);
});

test.after.always(async () => {
  await shell('npm run reset');
  rmSync(directory, { recursive: true, force: true });
});

/** The commands of README's shell blocks, in order, those that belong together by heading. */
function chapters(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let heading = '';
  let inBlock = false;
  for (const line of readFileSync(join(root, 'README.md'), 'utf8').split('\n')) {
    if (line.startsWith('```')) inBlock = line === '```sh';
    else if (inBlock) found.set(heading, [...(found.get(heading) ?? []), line]);
    else if (line.startsWith('## ')) heading = line.slice(3);
  }
  return found;
}

/** Beside a cluster that may be up, only names and ports differ. */
function here(command: string): string {
  return command
    .replaceAll(/\btrimaster-((?:master|node|lb)-)/g, `${project}-$1`)
    .replaceAll('$PWD/kubeconfig', join(directory, 'kubeconfig'));
}

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function shell(command: string): Promise<Outcome> {
  const child = spawn('bash', ['-c', command], { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return { code, output };
}

test.serial('the chapters on the start and on the first failover can be followed to the letter', async (t) => {
  const commands = ['Start', 'A first failover, in five minutes'].flatMap((heading) => chapters().get(heading) ?? []);
  t.true(commands.length > 15, 'the chapters have their commands');
  for (const command of commands) {
    const exported = /^export (\w+)=(.*)$/.exec(here(command));
    if (exported?.[1]) environment[exported[1]] = exported[2];
    const { code, output } = exported ? { code: 0, output: '' } : await shell(here(command));
    t.is(code, 0, `${command}\n${output}`);
  }
});

test.serial('stopping keeps the data, and starting again has it', async (t) => {
  t.is((await shell('kubectl create configmap kept --from-literal=a=1')).code, 0);
  t.is((await shell('npm stop')).code, 0);
  const { code, output } = await shell('npm start');
  t.is(code, 0, output);
  t.is((await shell("kubectl get configmap kept -o jsonpath='{.data.a}'")).output, '1');
});

test.serial('the cluster without Docker starts with its command and ends with Ctrl-C', async (t) => {
  const [command = ''] = chapters().get('Without Docker') ?? [];
  t.is(command, 'npm run local');
  const data = join(directory, 'local');
  const own = {
    port: await freePort(),
    'base-port': 13_000 + Math.floor(Math.random() * 15_000),
    'data-dir': data,
    kubeconfig: join(data, 'kubeconfig'),
  };
  const args = ['run', 'local', '--', ...Object.entries(own).map(([flag, value]) => `--${flag}=${value}`)];
  // In a group of its own, because Ctrl-C reaches the whole group of a terminal.
  const spawned = { cwd: root, env: environment, detached: true };
  const child = spawn('npm', args, { ...spawned, stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => endGroup(child.pid));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('Ctrl-C ends the cluster')) resolve();
    });
    void closed.then(() => reject(new Error(`it ended: ${output}`)));
  });
  process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
  t.is(await closed, 0, output);
});

function endGroup(pid: number | undefined): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}
