/** The kernel's switches that a node with pods needs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Logger } from '../../master/api/logging.ts';

const switches: Record<string, string> = {
  // A node is a router between its pods and everything else.
  'net/ipv4/ip_forward': '1',
  // Pods of one node talk over a bridge; only this way do Service rules see what crosses it, answers above all.
  'net/bridge/bridge-nf-call-iptables': '1',
  // Node ports answer on 127.0.0.1 too.
  'net/ipv4/conf/all/route_localnet': '1',
};

/** Turns them on. One that cannot be turned on is said and left, for the node may work without. */
export function prepareKernel(logger: Logger, root = '/proc/sys'): void {
  for (const [name, value] of Object.entries(switches)) {
    const path = `${root}/${name}`;
    try {
      if (!existsSync(path)) throw new Error('the kernel does not have it');
      if (readFileSync(path, 'utf8').trim() !== value) writeFileSync(path, value);
    } catch (error) {
      logger.warn({ name, error: String(error) }, 'cannot set a kernel parameter');
    }
  }
}
