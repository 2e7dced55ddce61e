import { execFileSync } from 'node:child_process';
import test from 'ava';
import { tieringFlags } from '../../../master/apiserver/tiering.ts';

test('the flags are ones that this Node’s V8 has', (t) => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const flag of tieringFlags) t.true(known.includes(`  ${flag.split('=')[0]} `), flag);
});
