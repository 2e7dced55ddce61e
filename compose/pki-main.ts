/**
 * The one-shot service that makes the set-up of trust before anything else starts. Each subdirectory of --dir is the
 * volume of one container, so what it writes there is all that this container ever sees. Beside its keys each finds who the
 * masters are; that alone is written anew when it has changed.
 */
import { chmodSync, chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { mastersByName, mastersFile, writeMasters } from '../master/api/masters-file.ts';
import { createPki } from './pki.ts';

const list = (text: string) => text.split(',').filter(Boolean);

const options = new Command('pki')
  .description('makes the keys, certificates and kubeconfigs of a cluster that are not there yet')
  .requiredOption('--dir <path>', 'where the tree is made')
  .requiredOption('--masters <names>', 'names of the masters, with commas', list)
  .requiredOption('--nodes <names>', 'names of the nodes, with commas', list)
  .option('--cluster-name <name>', 'name of the cluster in the kubeconfig', 'trimaster')
  .option('--admin-server <url>', 'the API server as the administrator reaches it', 'https://127.0.0.1:6443')
  .option('--apiserver-names <names>', 'more names and addresses that the API servers answer to', list, [])
  .option('--kubeconfig-dir <path>', 'also writes the kubeconfig into this directory, for its owner')
  .parse()
  .opts<{
    dir: string;
    masters: string[];
    nodes: string[];
    clusterName: string;
    adminServer: string;
    apiserverNames: string[];
    kubeconfigDir?: string;
  }>();

const { adminKubeconfig } = await createPki(options);
for (const name of [...options.masters, ...options.nodes, 'lb', 'admin']) {
  writeMasters(join(options.dir, name, mastersFile), mastersByName(options.masters));
}
if (options.kubeconfigDir) handOver(adminKubeconfig, options.kubeconfigDir, options.adminServer);

/** The port may have changed since the file was made; the credentials in it have not. */
function handOver(kubeconfig: string, directory: string, server: string): void {
  const target = join(directory, 'kubeconfig');
  const text = readFileSync(kubeconfig, 'utf8').replace(/^( +server:) .*$/m, `$1 ${server}`);
  if (existsSync(target) && readFileSync(target, 'utf8') === text) return;
  writeFileSync(target, text, { mode: 0o600 });
  chmodSync(target, 0o600);
  const { uid, gid } = statSync(directory);
  chownSync(target, uid, gid);
}
