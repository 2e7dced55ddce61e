/**
 * The Unix socket on which a member serves the API server beside it: without TLS and TCP, which cost more than a tenth of a write. Its
 * folder lets nobody in but the user that both run as, who can read the keys for etcd, too.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** As long as the path of a socket may be on every system (unix(7), sun_path). */
const longestPathBytes = 103;

/** Where it is; undefined where the path would be too long: the two then meet like all others. */
export function socketPath(dataDir: string): string | undefined {
  const path = join(resolve(dataDir), 'etcd-socket', 'client');
  return Buffer.byteLength(path) <= longestPathBytes ? path : undefined;
}

/** To be called before etcd is started. */
export function prepareSocket(path: string): void {
  const dir = dirname(path);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  // One that was there before is made to fit, or refused if it is somebody else's.
  chmodSync(dir, 0o700);
}

/** The URL that etcd listens at; commas would divide its list of URLs. */
export function socketUrl(path: string): string {
  return `unix://${pathToFileURL(path).pathname.replaceAll(',', '%2C')}`;
}
