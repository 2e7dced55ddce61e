import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { mastersOf, overrideText, removeOverride, writeOverride } from '../../../compose/override.ts';
import { projectFrom } from '../../../compose/project.ts';

test('masters that were added and removed are kept until the data goes', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'override-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const project = projectFrom({ TRIMASTER_KUBECONFIG_DIR: dir });
  const file = join(dir, 'compose.override.yaml');
  t.deepEqual(mastersOf(project), ['master-1', 'master-2', 'master-3']);
  writeOverride(project, ['master-1', 'master-3', 'master-4']);
  t.deepEqual(mastersOf(project), ['master-1', 'master-3', 'master-4']);
  writeOverride(project, ['master-1', 'master-2', 'master-3']);
  t.false(existsSync(file), 'the usual masters need none');
  writeOverride(project, ['master-1', 'master-2', 'master-3', 'master-4']);
  removeOverride(project);
  t.false(existsSync(file));
});

test("an operator's own override is neither replaced nor removed", (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'override-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const project = projectFrom({ TRIMASTER_KUBECONFIG_DIR: dir });
  const file = join(dir, 'compose.override.yaml');
  writeFileSync(file, 'services: {}\n');
  t.throws(() => writeOverride(project, ['master-1']), { message: /was not made by this command/ });
  removeOverride(project);
  t.true(existsSync(file));
  t.deepEqual(mastersOf(project), ['master-1', 'master-2', 'master-3']);
});

test('the set-up of trust learns of all masters, a removed one does not start, an added one is like the first', (t) => {
  const { services, volumes } = parse(overrideText(['master-1', 'master-3', 'master-4']));
  t.deepEqual(Object.keys(services), ['pki', 'master-2', 'master-4']);
  t.deepEqual(services.pki, {
    command: ['--masters=master-1,master-3,master-4'],
    volumes: ['pki-master-4:/pki/master-4'],
  });
  t.deepEqual(services['master-2'], { profiles: ['removed'] });
  t.like(services['master-4'], { extends: { service: 'master-1' }, command: ['--name=master-4'] });
  t.deepEqual(volumes, { 'pki-master-4': {}, 'master-4': {} });
});
