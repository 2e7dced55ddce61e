/**
 * The ConfigMap kube-system/extension-apiserver-authentication: whom the servers of aggregated APIs may believe. It names
 * the authority of clients, and that of the front proxies with their headers (Kubernetes' documentation, "Configure the
 * Aggregation Layer").
 *
 * Every API server adds what it goes by itself and takes nothing away but what has run out, so that servers with other
 * authorities, as they are while these change, are believed too. What somebody deletes or empties comes back.
 */
import { X509Certificate } from 'node:crypto';
import { type Clock, sleep } from '../../api/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { deepEqual } from '../../api/meta.ts';
import type { ConfigMap } from '../../api/types.ts';
import { systemContext } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import { certificatesIn } from './certificates.ts';
import type { FrontProxyOptions } from './front-proxy.ts';

export interface ClusterTrustOptions {
  readonly registry: Registry;
  /** PEM: the authority of clients. */
  readonly clientAuthority: string;
  readonly frontProxy: FrontProxyOptions | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const name = { namespace: 'kube-system', name: 'extension-apiserver-authentication' };
const lookEveryMs = 5_000;

/** Publishes it, and keeps it up until the signal is aborted. */
export async function keepClusterTrust(options: ClusterTrustOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await publish(options, signal);
    } catch (error) {
      if (!signal.aborted) options.logger.warn({ err: error }, 'whom to believe could not be published');
    }
    await sleep(lookEveryMs, signal);
  }
}

async function publish({ registry, clock, ...own }: ClusterTrustOptions, signal: AbortSignal): Promise<void> {
  const configMaps = registry.resource('', 'v1', 'configmaps');
  if (!configMaps) throw new Error('the registry lacks configmaps');
  const ctx = systemContext(signal);
  try {
    const present: ConfigMap = (await configMaps.get(ctx, name, { resourceVersion: '0' })).object;
    const data = trustData(own, present.data ?? {}, clock.now());
    if (!deepEqual(data, present.data)) await configMaps.update(ctx, name, { ...present, data } as ConfigMap);
  } catch (error) {
    // Another server was quicker; the next look compares.
    if (isConflict(error)) return;
    if (!isNotFound(error)) throw error;
    const created: ConfigMap = { metadata: { ...name }, data: trustData(own, {}, clock.now()) };
    await configMaps.create(ctx, name.namespace, created).catch((failed: unknown) => {
      if (!isAlreadyExists(failed)) throw failed;
    });
  }
}

/** What the ConfigMap holds, made of what it held before and of what a server goes by. `now` in milliseconds since the epoch. */
export function trustData(
  { clientAuthority, frontProxy }: Pick<ClusterTrustOptions, 'clientAuthority' | 'frontProxy'>,
  before: Readonly<Record<string, string>>,
  now: number,
): Record<string, string> {
  const authorities = (key: string, own: string): [string, string] => [key, bundle(before[key] ?? '', own, now)];
  const names = (key: string, own: readonly string[]): [string, string] => [
    key,
    JSON.stringify([...new Set([...textsIn(before[key]), ...own])]),
  ];
  return {
    ...before,
    ...Object.fromEntries([
      authorities('client-ca-file', clientAuthority),
      ...(frontProxy
        ? [
            authorities('requestheader-client-ca-file', frontProxy.authority),
            names('requestheader-allowed-names', frontProxy.allowedNames),
            names('requestheader-extra-headers-prefix', frontProxy.extraPrefixes),
            names('requestheader-group-headers', frontProxy.groupHeaders),
            names('requestheader-uid-headers', frontProxy.uidHeaders),
            names('requestheader-username-headers', frontProxy.usernameHeaders),
          ]
        : []),
    ]),
  };
}

/** The certificates of both, each once, without those that have run out. */
function bundle(before: string, own: string, now: number): string {
  const good = [...certificatesIn(before), ...certificatesIn(own)].filter((pem) => validUntil(pem) > now);
  return [...new Set(good)].map((pem) => `${pem}\n`).join('');
}

function validUntil(pem: string): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    return Number.NEGATIVE_INFINITY;
  }
}

function textsIn(json: string | undefined): string[] {
  try {
    const parsed: unknown = JSON.parse(json ?? '[]');
    return Array.isArray(parsed) ? parsed.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
