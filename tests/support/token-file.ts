/** People who are known by a bearer token (--token-auth-file), and kubectl as each of them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { Kubectl } from './kubectl.ts';

export interface TokenFile {
  /** For the API servers. */
  readonly args: readonly string[];
  kubectl(adminKubeconfig: string, name: string): Kubectl;
  remove(): Promise<void>;
}

/** `names` are users; one with groups is written `ann:developers,testers`. */
export async function startTokenFile(names: readonly string[]): Promise<TokenFile> {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-tokens-'));
  const file = join(dir, 'tokens.csv');
  const lines = names.map((entry) => {
    const [name, groups = ''] = entry.split(':');
    return `token-of-${name},${name},uid-of-${name},"${groups}"\n`;
  });
  await writeFile(file, lines.join(''), { mode: 0o600 });
  return {
    args: ['--token-auth-file', file],
    kubectl(adminKubeconfig, name) {
      const path = join(dir, `kubeconfig-${name}`);
      writeFileSync(path, withToken(adminKubeconfig, `token-of-${name}`), { mode: 0o600 });
      return new Kubectl(path);
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

/** The text of a kubeconfig, with a token in place of its credentials. */
export function withToken(kubeconfig: string, token: string): string {
  const config = parse(readFileSync(kubeconfig, 'utf8'));
  config.users[0].user = { token };
  return stringify(config);
}
