/**
 * Follows the cluster's own list of its API servers: the endpoints of the Service `default/kubernetes`, which every API
 * server keeps up. Anybody may read them, so no credentials are needed; they are read over verified TLS from a master that is up.
 *
 * The backends that were given stay, whatever the list says: it is only as good as the masters that write it, and names
 * outlive addresses. What the list adds to them comes and goes with it.
 */
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { BackendAddress } from './core/pool.ts';
import type { Resolver } from './resolver.ts';

export const membersPath = '/api/v1/namespaces/default/endpoints/kubernetes';

export interface MembershipOptions {
  /** The backends that always stay. */
  readonly given: readonly BackendAddress[];
  /** Those that can be asked now, best first. */
  readonly askable: () => readonly BackendAddress[];
  readonly apply: (backends: readonly BackendAddress[]) => void;
  readonly ca: string | Buffer;
  readonly serverName: string;
  readonly resolver: Resolver;
  readonly logger: Logger;
  readonly intervalMs: number;
}

const timeoutMs = 2_000;
const longestAnswer = 1024 * 1024;

/** Asks at once and then at each interval, until the signal aborts. Failures change nothing. */
export async function followMembers(options: MembershipOptions, signal: AbortSignal): Promise<void> {
  let known = namesOf(options.given);
  const addresses: Addresses = new Map();
  while (!signal.aborted) {
    const [backend] = options.askable();
    try {
      if (backend !== undefined) {
        const members = membersOf(await ask(backend, options, signal));
        const backends = await joined(options.given, members, options.resolver, addresses);
        if (namesOf(backends) !== known && !signal.aborted) {
          known = namesOf(backends);
          options.logger.info({ backends: backends.map(({ name }) => name) }, 'the cluster has other masters now');
          options.apply(backends);
        }
      }
    } catch (error) {
      options.logger.debug({ err: error, backend: backend?.name }, 'could not ask for the masters');
    }
    await pause(backend === undefined ? Math.min(250, options.intervalMs) : options.intervalMs, signal);
  }
}

/** The addresses in an Endpoints object; throws on anything else. */
export function membersOf(object: unknown): BackendAddress[] {
  const { subsets } = asRecord(object);
  if (subsets === undefined) return [];
  return asList(subsets).flatMap((subset) => {
    const { addresses, ports } = asRecord(subset);
    const port = asList(ports ?? []).map((one) => asRecord(one).port)[0];
    return asList(addresses ?? []).map((address) => {
      const { ip } = asRecord(address);
      if (typeof ip !== 'string' || isIP(ip) === 0 || typeof port !== 'number') throw new Error('no such endpoints');
      return { name: isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`, host: ip, port };
    });
  });
}

/** What the names of the given backends meant when they were last found. */
export type Addresses = Map<string, readonly string[]>;

/**
 * The given backends, and the members that are none of them under another name. The name of a dead machine may not be found,
 * while the list still has its address: then the address that it had last counts.
 */
export async function joined(
  given: readonly BackendAddress[],
  members: readonly BackendAddress[],
  resolver: Resolver,
  addresses: Addresses,
): Promise<readonly BackendAddress[]> {
  const resolved = await Promise.all(
    given.map(async ({ host, port }) => {
      const found = await resolver.resolve(host).catch(() => undefined);
      if (found !== undefined)
        addresses.set(
          host,
          found.map(({ address }) => address),
        );
      return (addresses.get(host) ?? []).map((address) => `${address} ${port}`);
    }),
  );
  const same = new Set(resolved.flat());
  const added = members.filter(({ host, port }) => !same.has(`${host} ${port}`));
  return [...given, ...added.toSorted((a, b) => (a.name < b.name ? -1 : 1))];
}

function ask(backend: BackendAddress, options: MembershipOptions, signal: AbortSignal): Promise<unknown> {
  const { ca, serverName, resolver } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: backend.host,
        port: backend.port,
        path: membersPath,
        agent: false,
        lookup: resolver.forSockets,
        ca,
        servername: serverName,
        headers: { host: serverName, accept: 'application/json', 'user-agent': 'trimaster-lb' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece: string) => {
          text += piece;
          if (text.length > longestAnswer) asked.destroy(new Error('the answer is too long'));
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(parsed(text));
          else reject(new Error(`${membersPath} answered ${answer.statusCode}`));
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('no such endpoints');
  return { ...value };
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('no such endpoints');
  return value;
}

function namesOf(backends: readonly BackendAddress[]): string {
  return backends.map(({ name }) => name).join();
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
