/** The health check of a node: its processes are asked over loopback. */
import { request } from 'node:http';
import type { NodeConfig } from './options.ts';

/** Prints a line for each process; true if all are well. */
export async function reportHealth(config: NodeConfig): Promise<boolean> {
  const targets = [
    { name: 'kubelet', port: config.kubeletHealthzPort },
    { name: 'kube-proxy', port: config.proxyHealthzPort },
  ];
  const answers = await Promise.all(targets.map(async ({ name, port }) => ({ name, trouble: await troubleAt(port) })));
  for (const { name, trouble } of answers) process.stdout.write(`${name}: ${trouble ?? 'ok'}\n`);
  return answers.every(({ trouble }) => trouble === undefined);
}

const timeoutMs = 3_000;

/** What is wrong on this port's /healthz; undefined when it answers 200. */
export function troubleAt(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = {
    host: '127.0.0.1',
    port,
    path: '/healthz',
    agent: false as const,
    signal: AbortSignal.timeout(timeoutMs),
  };
  const asked = request(options, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `${answer.statusCode} ${text.trim()}`));
    answer.on('error', (error) => resolve(error.message));
  });
  asked.on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  asked.end();
  return promise;
}
