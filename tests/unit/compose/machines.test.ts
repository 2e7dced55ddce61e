import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { composeMachines, localMachines } from '../../../compose/machines.ts';
import { projectFrom } from '../../../compose/project.ts';

test('the masters of a local cluster are the directories that bear their names', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-machines-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const name of ['master-2', 'master-1', 'node-1', 'pki', 'logs']) mkdirSync(join(dir, name));
  t.deepEqual(
    localMachines(dir).map(({ name }) => name),
    ['master-1', 'master-2'],
  );
  t.throws(() => localMachines(join(dir, 'nowhere')), { message: /is not the data directory of a local cluster/ });
});

test('a command that fails on a machine says what the machine said', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-machines-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'master-1'));
  const [machine] = localMachines(dir);
  await t.throwsAsync(machine?.etcd('state') ?? Promise.resolve(), { message: /^no master has run with the data/ });
});

test('the masters of the compose project are its services', (t) => {
  t.deepEqual(
    composeMachines(projectFrom({})).map(({ name }) => name),
    ['master-1', 'master-2', 'master-3'],
  );
});
