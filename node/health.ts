/** The health check of a node: its processes are asked over loopback. */
import { troubleAt } from '../master/api/health-probe.ts';
import type { NodeConfig } from './options.ts';

const timeoutMs = 3_000;

/** Prints a line for each process; true if all are well. */
export async function reportHealth(config: NodeConfig): Promise<boolean> {
  const targets = [
    { name: 'kubelet', port: config.kubeletHealthzPort },
    { name: 'kube-proxy', port: config.proxyHealthzPort },
  ];
  const answers = await Promise.all(
    targets.map(async ({ name, port }) => ({ name, trouble: await troubleOnPort(port) })),
  );
  for (const { name, trouble } of answers) process.stdout.write(`${name}: ${trouble ?? 'ok'}\n`);
  return answers.every(({ trouble }) => trouble === undefined);
}

/** What is wrong on this port's /healthz; undefined when it answers 200. */
export const troubleOnPort = (port: number): Promise<string | undefined> =>
  troubleAt(`http://127.0.0.1:${port}/healthz`, timeoutMs);
