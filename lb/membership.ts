/**
 * Follows the masters of the cluster, from two sides. Where there is a file that lists them (masters-file.ts), it says which there are by
 * name. And the cluster has its own list of API servers: the endpoints of the Service `default/kubernetes`, which every API server
 * keeps up. Anybody may read them, so no credentials are needed; they are read over verified TLS from a master that is up.
 *
 * The backends that were given, or are in the file, stay, whatever the endpoints say: those are only as good as the masters that write
 * them, and names outlive addresses. What the endpoints add comes and goes with them.
 */
import { request } from 'node:https';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { BackendAddress } from './core/pool-state.ts';
import type { ListedBackends } from './masters-file.ts';
import type { Resolver } from './resolver.ts';

export const membersPath = '/api/v1/namespaces/default/endpoints/kubernetes';

export interface MembershipOptions {
  /** The backends that stay, as they are now. */
  readonly given: () => readonly BackendAddress[];
  readonly endpoints: EndpointsOptions | undefined;
  readonly apply: (backends: readonly BackendAddress[]) => void;
  readonly resolver: Resolver;
  readonly logger: Logger;
}

/** What it takes to ask the cluster. */
export interface EndpointsOptions {
  /** Those that can be asked now, best first. */
  readonly askable: () => readonly BackendAddress[];
  readonly ca: string | Buffer;
  readonly serverName: string;
  readonly intervalMs: number;
}

const timeoutMs = 2_000;
const longestAnswer = 1024 * 1024;
/** A look at the file costs one system call. */
const lookEveryMs = 1_000;

/** The backends of the file, of its last good state; those that were given while there is none. */
export function givenBackends(
  given: readonly BackendAddress[],
  listed: ListedBackends | undefined,
  logger: Logger,
): () => readonly BackendAddress[] {
  let known = given;
  let trouble = '';
  return () => {
    try {
      known = listed?.() ?? known;
      trouble = '';
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== trouble) logger.warn({ err: error }, 'the list of masters cannot be read: that of before is used on');
      trouble = why;
    }
    return known;
  };
}

/** Looks at once and then again and again, until the signal aborts. Failures change nothing. */
export async function followMembers(options: MembershipOptions, signal: AbortSignal): Promise<void> {
  const { endpoints, resolver, logger } = options;
  const addresses: Addresses = new Map();
  /** Addresses of masters that were taken out of the file, and that the endpoints may still have. */
  const removed = new Set<string>();
  let given = options.given();
  let members: readonly BackendAddress[] = [];
  let known = textOf(given);
  let askAtMs = performance.now();
  while (!signal.aborted) {
    const now = options.given();
    for (const gone of given.filter(({ name }) => now.every((each) => each.name !== name))) {
      for (const address of addresses.get(gone.host) ?? []) removed.add(`${address} ${gone.port}`);
    }
    given = now;
    const [backend] = endpoints?.askable() ?? [];
    if (endpoints && backend && performance.now() >= askAtMs) {
      askAtMs = performance.now() + endpoints.intervalMs;
      try {
        members = membersOf(await ask(backend, endpoints, resolver, signal));
        const listed = new Set(members.map(({ host, port }) => `${host} ${port}`));
        for (const address of removed) if (!listed.has(address)) removed.delete(address);
      } catch (error) {
        logger.debug({ err: error, backend: backend.name }, 'could not ask for the masters');
      }
    }
    const others = members.filter(({ host, port }) => !removed.has(`${host} ${port}`));
    const backends = await joined(given, others, resolver, addresses);
    if (textOf(backends) !== known && !signal.aborted) {
      known = textOf(backends);
      logger.info({ backends: backends.map(({ name }) => name) }, 'the cluster has other masters now');
      options.apply(backends);
    }
    await pause(waitMs(endpoints, backend, askAtMs), signal);
  }
}

function waitMs(endpoints: EndpointsOptions | undefined, askable: BackendAddress | undefined, askAtMs: number): number {
  if (!endpoints) return lookEveryMs;
  if (askable === undefined) return Math.min(250, endpoints.intervalMs);
  return Math.max(0, Math.min(lookEveryMs, askAtMs - performance.now()));
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

function ask(
  backend: BackendAddress,
  { ca, serverName }: EndpointsOptions,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<unknown> {
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

function textOf(backends: readonly BackendAddress[]): string {
  return backends.map(({ name, host, port }) => `${name}=${host} ${port}`).join();
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
