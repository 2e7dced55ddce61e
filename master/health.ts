/** The health check of a master: each of its processes is asked on its own port, over loopback. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
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
    { name: 'scheduler', url: `http://${host}:${config.schedulerPort}/healthz` },
    { name: 'controller-manager', url: `http://${host}:${config.controllerManagerPort}/healthz` },
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

/** What is wrong there; undefined when the answer is 200. The server is this machine's own, so no certificate is checked. */
export function troubleAt(url: string, timeoutMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = { agent: false as const, rejectUnauthorized: false, signal: AbortSignal.timeout(timeoutMs) };
  const asked = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options);
  asked.on('response', (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `${answer.statusCode} ${text.trim()}`));
    answer.on('error', (error) => resolve(error.message));
  });
  asked.on('error', (error) => {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    resolve(error.name === 'AbortError' || code === 'ABORT_ERR' ? `no answer within ${timeoutMs} ms` : code);
  });
  asked.end();
  return promise;
}
