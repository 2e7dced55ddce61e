/**
 * Aggregated APIs: groups and versions that servers of their own serve, behind a Service that an APIService names
 * (apiregistration.k8s.io/v1; Kubernetes' "Kubernetes API Aggregation Layer").
 *
 * Every API server looks by itself whether those servers answer, says so in the condition Available, puts what they serve into
 * its discovery, and passes requests on with the user's name in the headers of a front proxy. Who may do what was decided
 * here before. What this server serves itself is never passed on.
 */
import { Agent, request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { type Clock, sleep } from '../../api/clock.ts';
import { isConflict, isNotFound, serviceUnavailable } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import type { Logger } from '../../api/logging.ts';
import { deepEqual, getCondition, nowSeconds, setCondition } from '../../api/meta.ts';
import type { APIService } from '../../api/types.ts';
import { type FollowStore, followed } from '../admission/followed.ts';
import { systemContext, type UserInfo } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { DialService } from '../webhooks/client.ts';
import type { BackendProxy } from './backend-proxy.ts';
import { kindsIn } from './discovered-kinds.ts';
import type { Handler } from './exchange.ts';

export interface AggregationOptions {
  readonly store: FollowStore;
  readonly registry: Registry;
  readonly dial: DialService;
  readonly backends: BackendProxy;
  /** PEM: by which the others know this server as their front proxy. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the server needs to know of aggregated APIs. */
export interface Aggregated {
  /** The rows of what others serve and answer for; another array whenever they change. */
  readonly kinds: readonly Kind[];
  /** What answers requests for a group and version; undefined where no other server does. */
  handlerFor(group: string, version: string): Handler | undefined;
}

/** A server of its own. */
interface Remote {
  readonly name: string;
  readonly spec: NonNullable<APIService['spec']>;
  readonly origin: string;
  readonly agent: Agent;
  kinds: readonly Kind[];
  available: boolean;
}

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

const checkEveryMs = 10_000;
const checkTimeoutMs = 5_000;
const maxDocumentBytes = 3 * 1024 * 1024;
const local: Verdict = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' };
const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

export class Aggregation implements Aggregated {
  readonly #options: AggregationOptions;
  #services: readonly APIService[] = [];
  #remotes = new Map<string, Remote>();
  #kinds: readonly Kind[] = [];
  #wake: () => void = () => {};

  constructor(options: AggregationOptions) {
    this.#options = options;
  }

  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  handlerFor(group: string, version: string): Handler | undefined {
    const remote = this.#remotes.get(`${group}/${version}`);
    if (!remote) return undefined;
    return (exchange) => {
      if (!remote.available) throw serviceUnavailable('service unavailable');
      const url = remote.origin + (exchange.request.url ?? '/');
      const headers = identity(exchange.user);
      this.#options.backends.forward(exchange, { url, agent: remote.agent, verify: true, headers });
    };
  }

  /** Follows the APIServices and looks after them until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#options;
    const services = followed(store, 'apiservices', (all) => {
      this.#services = all;
      this.#follow(all);
      this.#wake();
    });
    const following = services.run(signal);
    while (!signal.aborted) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      for (const service of this.#services) {
        if (signal.aborted) break;
        try {
          await this.#check(service, signal);
        } catch (error) {
          logger.debug({ name: service.metadata?.name, err: error }, 'the state of an APIService was not written');
        }
      }
      this.#publish();
      await sleep(checkEveryMs, AbortSignal.any([signal, changed.signal]));
    }
    await following;
    for (const { agent } of this.#remotes.values()) agent.destroy();
  }

  /** Keeps the connections of those that are reached as before. */
  #follow(all: readonly APIService[]): void {
    const before = this.#remotes;
    this.#remotes = new Map();
    for (const { metadata, spec } of all) {
      if (!spec?.service || !spec.group || !spec.version) continue;
      const key = `${spec.group}/${spec.version}`;
      const known = before.get(key);
      before.delete(key);
      if (known && deepEqual(known.spec, spec)) this.#remotes.set(key, known);
      else {
        known?.agent.destroy();
        this.#remotes.set(key, this.#remoteOf(metadata?.name ?? '', spec));
      }
    }
    for (const { agent } of before.values()) agent.destroy();
  }

  #remoteOf(name: string, spec: Remote['spec']): Remote {
    const { namespace = '', name: service = '', port = 443 } = spec.service ?? {};
    const servername = `${service}.${namespace}.svc`;
    const { dial, client } = this.#options;
    const agent = new Agent({ keepAlive: true });
    const trust = {
      ...(spec.caBundle && { ca: Buffer.from(spec.caBundle, 'base64') }),
      rejectUnauthorized: spec.insecureSkipTLSVerify !== true,
    };
    agent.createConnection = (_options, created) => {
      dial({ namespace, name: service, port }).then(
        (socket) => created?.(null, connectTls({ socket, servername, ...trust, ...client })),
        (error: Error) => created?.(error, undefined as never),
      );
      return undefined;
    };
    return { name, spec, origin: `https://${servername}:${port}`, agent, kinds: [], available: false };
  }

  async #check(service: APIService, signal: AbortSignal): Promise<void> {
    const { group = '', version = '' } = service.spec ?? {};
    const remote = this.#remotes.get(`${group}/${version}`);
    // The registry says so of those of this server when it makes them.
    if (!remote && getCondition(service.status?.conditions, 'Available')?.reason === local.reason) return;
    const verdict = remote ? await this.#ask(remote) : local;
    if (remote) remote.available = verdict.status === 'True';
    await this.#tell(service, verdict, signal);
  }

  async #ask(remote: Remote): Promise<Verdict> {
    const { group = '', version = '' } = remote.spec;
    const url = `${remote.origin}/apis/${group}/${version}`;
    try {
      remote.kinds = kindsIn(await document(url, remote.agent), group, version);
      return passed;
    } catch (error) {
      const why = error instanceof Error ? error.message || error.name : String(error);
      const message = `failing or missing response from ${url}: ${why}`;
      return { status: 'False', reason: 'FailedDiscoveryCheck', message };
    }
  }

  async #tell(service: APIService, verdict: Verdict, signal: AbortSignal): Promise<void> {
    const { clock, registry } = this.#options;
    const present = service.status?.conditions ?? [];
    const conditions = setCondition(present, { type: 'Available', ...verdict }, nowSeconds(clock.now()));
    if (deepEqual(present, conditions)) return;
    const told: APIService = { ...service, status: { ...service.status, conditions } };
    const apiServices = registry.resource('apiregistration.k8s.io', 'v1', 'apiservices');
    try {
      await apiServices?.update(systemContext(signal), { name: service.metadata?.name ?? '' }, told, 'status');
    } catch (error) {
      // Another API server was quicker, and says the same.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  #publish(): void {
    const kinds = [...this.#remotes.values()].flatMap(({ kinds, available }) => (available ? kinds : []));
    if (!deepEqual(kinds, this.#kinds)) this.#kinds = kinds;
  }
}

/** The headers by which a front proxy says for whom it asks. */
function identity({ name, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const extras = Object.entries(extra).map(([key, values]): [string, string[]] => [
    `X-Remote-Extra-${encodeURIComponent(key)}`,
    [...values],
  ]);
  return {
    'X-Remote-User': name,
    ...(uid && { 'X-Remote-Uid': uid }),
    'X-Remote-Group': [...groups],
    ...Object.fromEntries(extras),
  };
}

/** The JSON of a document, asked for as the aggregator itself. */
function document(url: string, agent: Agent): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const headers = {
    accept: 'application/json',
    ...identity({ name: 'system:kube-aggregator', groups: ['system:masters'] }),
  };
  const asked = request(url, { agent, headers, signal: AbortSignal.timeout(checkTimeoutMs) }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > maxDocumentBytes) asked.destroy(new Error('the document is too long'));
    });
    answer.on('end', () => {
      if (answer.statusCode !== 200) return reject(new Error(`bad status from ${url}: ${answer.statusCode}`));
      try {
        resolve(JSON.parse(text));
      } catch (error) {
        reject(error);
      }
    });
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}
