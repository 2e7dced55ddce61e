/** The node's own way to the masters: a balancer on loopback, so that the loss of a master costs a node nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Balancer } from '../lb/balancer.ts';
import { backendsReader } from '../lb/masters-file.ts';
import type { Logger } from '../master/api/logging.ts';
import { mastersFile } from '../master/api/masters-file.ts';
import type { NodeConfig } from './options.ts';

/** Throws for URLs that are none, and when the authority cannot be read. */
export function balancerOf(config: NodeConfig, logger: Logger): Balancer {
  return new Balancer({
    listen: { host: '127.0.0.1', port: config.balancerPort },
    backends: backendsOf(config.apiservers),
    listed: backendsReader(join(config.pkiDir, mastersFile)),
    ca: readFileSync(join(config.pkiDir, 'ca.crt'), 'utf8'),
    // A master that joins later is used without a restart of the node.
    follow: true,
    drainMs: config.drain,
    logger,
  });
}

/** Named by host, or by host and port where several share a host. */
export function backendsOf(urls: readonly string[]): { name: string; host: string; port: number }[] {
  if (urls.length === 0) throw new Error('--apiservers needs at least one URL');
  const parsed = urls.map((text) => {
    if (!URL.canParse(text) || !text.startsWith('https://')) throw new Error(`--apiservers: ${text} is no https URL`);
    const { hostname, port } = new URL(text);
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) };
  });
  const hosts = new Set(parsed.map(({ host }) => host));
  return parsed.map(({ host, port }) => ({ name: hosts.size === urls.length ? host : `${host}:${port}`, host, port }));
}
