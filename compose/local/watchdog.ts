/**
 * Nothing may outlive the process that started a local cluster, even if that one is killed: a small shell beside it
 * is told of every process group, and ends those that are left when its standard input closes.
 */
import { type ChildProcess, spawn } from 'node:child_process';

const script = `
groups=" "
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) groups=$(printf '%s' "$groups" | sed "s/ $group / /") ;;
  esac
done
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
`;

export class Watchdog {
  readonly #shell: ChildProcess;

  constructor() {
    // A group of its own, so that Ctrl-C in the terminal does not end it first.
    this.#shell = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
  }

  watch(group: number): void {
    this.#shell.stdin?.write(`+ ${group}\n`);
  }

  release(group: number): void {
    this.#shell.stdin?.write(`- ${group}\n`);
  }

  /** Ends it; what it still watches goes with it. */
  close(): void {
    this.#shell.stdin?.end();
  }
}
