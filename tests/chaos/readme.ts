/** README's commands as a test runs them: as they stand, on a cluster of the test's own. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** The commands of README's shell blocks, in order, those that belong together by heading. */
export function chapters(): Map<string, string[]> {
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
export function here(command: string, project: string, directory: string): string {
  return command
    .replaceAll(/\btrimaster-((?:master|node|lb)-)/g, `${project}-$1`)
    .replaceAll('$PWD/kubeconfig', join(directory, 'kubeconfig'));
}

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

export async function shell(command: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = spawn('bash', ['-c', command], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  return { code, output };
}
