/** README is true: its commands are run in order, as they stand, on a cluster of the test's own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from './compose-cluster.ts';
import { chapters, here, shell as shellOf } from './readme.ts';

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

const shell = (command: string) => shellOf(command, environment);

test.serial('the chapters on the start and on the first failover can be followed to the letter', async (t) => {
  const commands = ['Start', 'A first failover, in five minutes'].flatMap((heading) => chapters().get(heading) ?? []);
  t.true(commands.length > 15, 'the chapters have their commands');
  for (const command of commands) {
    const exported = /^export (\w+)=(.*)$/.exec(here(command, project, directory));
    if (exported?.[1]) environment[exported[1]] = exported[2];
    const { code, output } = exported ? { code: 0, output: '' } : await shell(here(command, project, directory));
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
