/** The masters of a compose cluster come, go and are restarted by the commands of an operator, while a client writes and reads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { CommandFailed, run } from '../../compose/system.ts';
import { SteadyClient } from '../support/steady-client.ts';
import { freePort } from './compose-cluster.ts';

const root = join(import.meta.dirname, '../..');
const project = `${process.env.TRIMASTER_TEST_PROJECT ?? `trimaster-test-${process.pid}`}-masters`;
const directory = mkdtempSync(join(tmpdir(), `${project}-`));
let env: NodeJS.ProcessEnv = {};

test.before(async () => {
  env = {
    ...process.env,
    COMPOSE_PROJECT_NAME: project,
    TRIMASTER_PORT: String(await freePort()),
    TRIMASTER_ADMIN_PORT: String(await freePort()),
    TRIMASTER_KUBECONFIG_DIR: directory,
  };
  await command('start');
});

test.after.always(async () => {
  await command('reset');
  rmSync(directory, { recursive: true, force: true });
});

/** What one of the npm commands says. */
async function command(main: string, ...args: string[]): Promise<string> {
  return run(process.execPath, [join(root, 'compose', `${main}.ts`), ...args], { env, cwd: root });
}

/** When each container of the project was started. */
async function starts(): Promise<Map<string, string>> {
  const ids = (
    await run('docker', ['ps', '--quiet', '--filter', `label=com.docker.compose.project=${project}`])
  ).trim();
  const format = '{{.Name}} {{.State.StartedAt}}';
  const lines = (await run('docker', ['inspect', '--format', format, ...ids.split('\n')])).trim().split('\n');
  return new Map(lines.map((line) => [line.split(' ')[0]?.slice(project.length + 2) ?? '', line]));
}

test('a master is added, stays over another start, one is restarted, one removed; no request fails', async (t) => {
  const client = new SteadyClient(join(directory, 'kubeconfig'), 'steady');
  try {
    t.regex(await command('masters', 'add'), /master-4 is a master now\. 4 masters survive the loss of 1/);
    const before = await starts();
    t.true(before.has('master-4-1'));
    await command('start');
    const after = await starts();
    for (const [name, started] of before) t.is(after.get(name), started, 'another start restarts nothing');
    await command('roll', 'master-2');
    const rolled = await starts();
    t.not(rolled.get('master-2-1'), after.get('master-2-1'));
    t.is(rolled.get('master-3-1'), after.get('master-3-1'));
    await command('masters', 'remove', 'master-1');
    t.false((await starts()).has('master-1-1'));
    t.regex(await command('masters', 'list'), /^master-2: .*\nmaster-3: .*\nmaster-4: /m);
  } catch (error) {
    t.fail(error instanceof CommandFailed ? `${error.message}\n${error.output}` : String(error));
  } finally {
    const { written, kept } = await client.stop();
    t.log(`${client.writes} writes, longest gap ${Math.round(client.longestGapMs)} ms`);
    t.deepEqual(client.failures, []);
    t.is(kept, written);
  }
});
