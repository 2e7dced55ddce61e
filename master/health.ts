/** The health check of a master: each of its processes is asked on its own port, over loopback. */
import { troubleAt } from './api/health-probe.ts';
import type { MasterConfig } from './processes.ts';

export interface Target {
  readonly name: string;
  readonly url: string;
}

/** Where the four processes of a master say how they are. */
export function healthTargets(config: MasterConfig): Target[] {
  const everywhere = config.bindAddress === '0.0.0.0' || config.bindAddress === '::';
  const host = everywhere ? '127.0.0.1' : config.bindAddress;
  return [
    { name: 'etcd', url: `http://${host}:${config.etcdMetricsPort}/health` },
    { name: 'apiserver', url: `https://${host}:${config.securePort}/readyz` },
    { name: 'scheduler', url: `http://${host}:${config.schedulerPort}/readyz` },
    { name: 'controller-manager', url: `http://${host}:${config.controllerManagerPort}/readyz` },
  ];
}

/** Prints one line for each process; true if all are well. */
export async function reportHealth(config: MasterConfig): Promise<boolean> {
  const answers = await Promise.all(
    healthTargets(config).map(async ({ name, url }) => ({ name, trouble: await troubleAt(url, 3_000) })),
  );
  for (const { name, trouble } of answers) process.stdout.write(`${name}: ${trouble ?? 'ok'}\n`);
  return answers.every(({ trouble }) => trouble === undefined);
}
