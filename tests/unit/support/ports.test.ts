import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { freePorts } from '../../support/ports.ts';

const module = join(import.meta.dirname, '../../support/ports.ts');

test('nobody is given the ports of somebody else, in this process or another, also when a block is used up', async (t) => {
  const other = `import { freePorts } from '${module}'; console.log(JSON.stringify(await freePorts(150)));`;
  const [first, second, others] = await Promise.all([
    freePorts(150),
    freePorts(3),
    promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', other]),
  ]);
  const elsewhere: number[] = JSON.parse(others.stdout);
  t.is(new Set([...first, ...second, ...elsewhere]).size, 303);
  // Outgoing connections come from 32768 on.
  t.true([...first, ...second, ...elsewhere].every((port) => port >= 12_000 && port < 20_000));
});
