/**
 * What an operator does to the masters of a compose cluster, by README's commands: a restore after a total loss, and its chapter on
 * how they come, go and are restarted, while a client writes and reads.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { CommandFailed, run } from '../../compose/system.ts';
import { SteadyClient } from '../support/steady-client.ts';
import { within } from '../support/within.ts';
import { freePort } from './compose-cluster.ts';
import { chapters, here, shell } from './readme.ts';

const root = join(import.meta.dirname, '../..');
const project = `${process.env.TRIMASTER_TEST_PROJECT ?? `trimaster-test-${process.pid}`}-masters`;
const directory = mkdtempSync(join(tmpdir(), `${project}-`));
let env: NodeJS.ProcessEnv = {};
let firstStarts = new Map<string, string>();

test.before(async () => {
  env = {
    ...process.env,
    COMPOSE_PROJECT_NAME: project,
    TRIMASTER_PORT: String(await freePort()),
    TRIMASTER_ADMIN_PORT: String(await freePort()),
    TRIMASTER_KUBECONFIG_DIR: directory,
    KUBECONFIG: join(directory, 'kubeconfig'),
  };
  await start();
});

test.after.always(async () => {
  await shell('npm run reset', env);
  rmSync(directory, { recursive: true, force: true });
});

const start = (): Promise<string> => run('npm', ['start'], { env, cwd: root });

/** What a command says; throws when it fails. */
async function said(command: string): Promise<string> {
  const { code, output } = await shell(command, env);
  if (code !== 0) throw new Error(`${command}\n${output}`);
  return output;
}

/** The revision of a new ConfigMap. */
const create = async (name: string): Promise<number> =>
  Number(await said(`kubectl create configmap ${name} -o jsonpath='{.metadata.resourceVersion}'`));

/** When each container of the project was started. */
async function starts(): Promise<Map<string, string>> {
  const ids = (
    await run('docker', ['ps', '--quiet', '--filter', `label=com.docker.compose.project=${project}`])
  ).trim();
  const format = '{{.Name}} {{.State.StartedAt}}';
  const lines = (await run('docker', ['inspect', '--format', format, ...ids.split('\n')])).trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0]?.slice(project.length + 2) ?? '', line]));
}

/** The masters that a balancer shows, and their health. */
async function balanced(): Promise<string> {
  const { backends } = (await (await fetch(`http://127.0.0.1:${env.TRIMASTER_ADMIN_PORT}/state`)).json()) as {
    backends: { name: string; health: string }[];
  };
  return backends.map(({ name, health }) => `${name} ${health}`).join();
}

/** What is to be seen after each of README's commands that changes something. */
async function seenAfter(t: ExecutionContext, command: string, said: string): Promise<void> {
  if (command === 'npm run masters -- add') {
    t.regex(said, /master-4 is a master now\. 4 masters survive the loss of 1/);
    const before = await starts();
    t.true(before.has('master-4-1'));
    await start();
    const after = await starts();
    for (const [name, started] of before) t.is(after.get(name), started, 'another start restarts nothing');
    firstStarts = after;
  }
  if (command === 'npm run masters -- remove master-1') {
    t.false((await starts()).has('master-1-1'));
    await within(20, balanced, (state) => state === 'master-2 up,master-3 up,master-4 up');
    const listed = await shell('npm run masters -- list', env);
    t.regex(listed.output, /^master-2: .*\nmaster-3: .*\nmaster-4: /m);
  }
  if (command === 'npm run roll -- master-2') {
    const rolled = await starts();
    t.not(rolled.get('master-2-1'), firstStarts.get('master-2-1'));
    t.is(rolled.get('master-3-1'), firstStarts.get('master-3-1'));
  }
}

/** A master's machine is gone, and its data with it. */
async function lose(...names: string[]): Promise<void> {
  await run('docker', ['rm', '--force', ...names.map((name) => `${project}-${name}-1`)]);
  await run('docker', ['volume', 'rm', ...names.map((name) => `${project}_${name}`)]);
}

test.serial(
  'after the loss of every volume a snapshot brings all back, at revisions that nobody has seen',
  async (t) => {
    const file = join(directory, 'backup.db');
    const kept = await create('kept');
    await said(`npm run snapshot -- save ${file}`);
    t.regex(await said(`npm run snapshot -- status ${file}`), /backup\.db is whole: revision \d+, \d+ keys/);
    const lost = await create('lost');
    t.true(lost > kept);
    await lose('master-1', 'master-2', 'master-3');
    await start();
    await said(`npm run snapshot -- restore ${file}`);
    t.regex(await said('kubectl get configmaps -o name'), /^configmap\/kept$/m);
    t.regex((await shell('kubectl get configmap lost', env)).output, /NotFound/);
    t.true((await create('later')) > lost);
  },
);

test.serial('with the volumes of two masters lost the cluster goes on from the third', async (t) => {
  const before = await create('before');
  await lose('master-2', 'master-3');
  await said('docker compose --file compose.yaml up --detach --no-build master-2 master-3');
  await said('npm run snapshot -- recover');
  t.regex(await said('kubectl get configmaps -o name'), /^configmap\/before$/m);
  t.true((await create('after')) > before);
  t.is((await said('npm run masters -- list')).match(/: answers, votes/g)?.length, 3);
});

test.serial(
  "the chapter on masters can be followed to the letter, and no client's request fails meanwhile",
  async (t) => {
    const commands = chapters().get('Add, remove and roll masters') ?? [];
    t.true(commands.length >= 4, 'the chapter has its commands');
    const client = new SteadyClient(join(directory, 'kubeconfig'), 'steady');
    try {
      for (const command of commands) {
        const { code, output } = await shell(here(command, project, directory), env);
        t.is(code, 0, `${command}\n${output}`);
        await seenAfter(t, command, output);
      }
    } catch (error) {
      t.fail(error instanceof CommandFailed ? `${error.message}\n${error.output}` : String(error));
    } finally {
      const { written, kept } = await client.stop();
      t.log(`${client.writes} writes, longest gap ${Math.round(client.longestGapMs)} ms`);
      t.deepEqual(client.failures, []);
      t.is(kept, written);
    }
  },
);
