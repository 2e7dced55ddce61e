/**
 * Aggregated APIs: groups and versions that servers of their own serve, behind a Service that an APIService names
 * (apiregistration.k8s.io/v1; Kubernetes' "Kubernetes API Aggregation Layer").
 *
 * Every API server looks by itself whether those servers answer, says so in the condition Available, puts what they serve into
 * its discovery and its OpenAPI, and passes requests on with the user's name in the headers of a front proxy. Who may do what
 * was decided here before. What this server serves itself is never passed on.
 */
import { type Clock, sleep } from '../../../api/clock.ts';
import { isConflict, isNotFound, serviceUnavailable } from '../../../api/errors.ts';
import { groupVersionPath, type Kind } from '../../../api/kinds.ts';
import type { Logger } from '../../../api/logging.ts';
import { deepEqual, getCondition, nowSeconds, setCondition } from '../../../api/meta.ts';
import type { APIService } from '../../../api/types.ts';
import { type FollowStore, followed } from '../../admission/followed.ts';
import type { Objects } from '../../admission/objects.ts';
import { systemContext } from '../../registry/context.ts';
import type { Registry } from '../../registry/registry.ts';
import type { DialService } from '../../webhooks/client.ts';
import type { BackendProxy } from '../backend-proxy.ts';
import type { StaleVersion } from '../discovery.ts';
import type { Handler } from '../exchange.ts';
import { endpointsOf } from '../service-endpoints.ts';
import { failedCheck, local, missingServer, passed, type Verdict } from './availability.ts';
import { kindsIn } from './discovered-kinds.ts';
import { type AggregatedDocument, documentOf } from './openapi.ts';
import { identity, type ProxyCertificate, Remote } from './remote.ts';

export interface AggregationOptions {
  readonly store: FollowStore;
  readonly objects: Objects;
  readonly registry: Registry;
  readonly dial: DialService;
  readonly backends: BackendProxy;
  readonly client: ProxyCertificate | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the server needs to know of aggregated APIs. */
export interface Aggregated {
  /** The rows of what others serve and answer for; another array whenever they change. */
  readonly kinds: readonly Kind[];
  /** What others serve that do not answer; another array whenever that changes. */
  readonly stale: readonly StaleVersion[];
  /** How these look; another array whenever that changes. */
  readonly documents: readonly AggregatedDocument[];
  /** What answers requests for a group and version; undefined where no other server does. */
  handlerFor(group: string, version: string): Handler | undefined;
}

const checkEveryMs = 10_000;
/** As long as one is missing. */
const checkSoonMs = 2_000;
/** Documents are long, and change with releases. */
const documentsEveryChecks = 6;

export class Aggregation implements Aggregated {
  readonly #options: AggregationOptions;
  #services: readonly APIService[] = [];
  #remotes = new Map<string, Remote>();
  #kinds: readonly Kind[] = [];
  #stale: readonly StaleVersion[] = [];
  #documents: readonly AggregatedDocument[] = [];
  #checks = 0;
  #wake: () => void = () => {};

  constructor(options: AggregationOptions) {
    this.#options = options;
  }

  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  get stale(): readonly StaleVersion[] {
    return this.#stale;
  }

  get documents(): readonly AggregatedDocument[] {
    return this.#documents;
  }

  handlerFor(group: string, version: string): Handler | undefined {
    const remote = this.#remotes.get(`${group}/${version}`);
    return remote && this.#passingOn(remote);
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
      this.#checks++;
      this.#publish();
      const missing = [...this.#remotes.values()].some(({ available }) => !available);
      await sleep(missing ? checkSoonMs : checkEveryMs, AbortSignal.any([signal, changed.signal]));
    }
    await following;
    for (const { agent } of this.#remotes.values()) agent.destroy();
  }

  #passingOn(remote: Remote): Handler {
    return (exchange) => {
      if (!remote.available) throw serviceUnavailable('service unavailable');
      const url = remote.origin + (exchange.request.url ?? '/');
      const headers = { ...identity(exchange.user), 'audit-id': exchange.response.auditId ?? '' };
      this.#options.backends.forward(exchange, { url, agent: remote.agent, verify: true, headers });
    };
  }

  /** Keeps the connections of those that are reached as before. */
  #follow(all: readonly APIService[]): void {
    const { dial, client } = this.#options;
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
        this.#remotes.set(key, new Remote(metadata?.name ?? '', spec, dial, client));
      }
    }
    for (const { agent } of before.values()) agent.destroy();
    this.#publish();
  }

  async #check(service: APIService, signal: AbortSignal): Promise<void> {
    const { group = '', version = '' } = service.spec ?? {};
    const remote = this.#remotes.get(`${group}/${version}`);
    // The registry says so of those of this server when it makes them.
    if (!remote && getCondition(service.status?.conditions, 'Available')?.reason === local.reason) return;
    const verdict = remote ? await this.#verdictOn(remote) : local;
    if (remote) {
      remote.available = verdict.status === 'True';
      const due = remote.document === undefined || this.#checks % documentsEveryChecks === 0;
      if (remote.available && due) remote.document = await documentOf(remote);
    }
    await this.#tell(service, verdict, signal);
  }

  async #verdictOn(remote: Remote): Promise<Verdict> {
    const { objects } = this.#options;
    const { service: wanted = {} } = remote.spec;
    const { namespace = '', name = '' } = wanted;
    const service = await objects.get('services', name, namespace);
    const missing = missingServer(wanted, service, service && (await endpointsOf(objects, namespace, name)));
    return missing ?? this.#ask(remote);
  }

  async #ask(remote: Remote): Promise<Verdict> {
    const path = groupVersionPath(remote);
    try {
      remote.kinds = kindsIn(await remote.ask(path), remote.group, remote.version);
      return passed;
    } catch (error) {
      const why = error instanceof Error ? error.message || error.name : String(error);
      return failedCheck(`failing or missing response from ${remote.origin}${path}: ${why}`);
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
    const all = [...this.#remotes.values()];
    const available = all.filter((remote) => remote.available);
    const stale = all
      .filter((remote) => !remote.available)
      .map(({ group, version, kinds }) => ({ group, version, kinds }));
    if (!deepEqual(stale, this.#stale)) this.#stale = stale;
    const kinds = available.flatMap((remote) => remote.kinds);
    if (!deepEqual(kinds, this.#kinds)) this.#kinds = kinds;
    const known = this.#documents;
    const documents = available.flatMap((remote, index): AggregatedDocument[] => {
      if (!remote.document) return [];
      const document = { name: groupVersionPath(remote).slice(1), ...remote.document };
      const same = known[index];
      if (same && deepEqual(document, { name: same.name, v3: same.v3, v2: same.v2 })) return [same];
      return [{ ...document, handler: this.#passingOn(remote) }];
    });
    const unchanged = documents.length === known.length && documents.every((each, index) => each === known[index]);
    if (!unchanged) this.#documents = documents;
  }
}
