/** Pausing a process for certain: SIGSTOP takes a moment to take hold. */
import { readFileSync } from 'node:fs';
import { within } from './within.ts';

/** Stops the process where it is; resolves when all of it stands still. */
export async function pause(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error('the process does not run');
  process.kill(pid, 'SIGSTOP');
  await within(
    5,
    () => stateOf(pid),
    (state) => state === 'T',
  );
}

/** proc(5): the field after the name in parentheses. */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2)[0];
}
