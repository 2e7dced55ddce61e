/**
 * Priority and fairness (https://kubernetes.io/docs/concepts/cluster-administration/flow-control/): how many requests a server
 * works on at once, and whose.
 *
 * Guarantees: every request belongs to one flow schema and its priority level; a level that is flooded does not keep another
 * from its share of the seats; within a level a flow that floods cannot starve the others; what must wait too long, or finds its
 * queue full, is told 429 and when to come back.
 * While nothing has to wait a request costs the look-up of its flow and a counter up and down.
 * Not its business: streams other than watches, which have no seat, and what a request does with its seat.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts';
import type { Attributes } from '../auth/rbac/rules.ts';
import type { UserInfo } from '../registry/context.ts';
import { defaultFlowSchemas, defaultPriorityLevels, mandatory } from './defaults.ts';
import { inOrder, looksAtNamespace, matches } from './matching.ts';
import { type Departure, PriorityLevel, type Refusal, type SeatPool, settingsOf } from './priority-level.ts';

export interface FlowControlOptions {
  /** Seats of the whole server: as many requests of one seat at once. */
  readonly seats: number;
  /** How long a request may wait for its seats. */
  readonly waitMs: number;
  /** How many objects a list goes through. */
  readonly listed: (request: Attributes & { readonly query: URLSearchParams }) => number;
}

type Distinguisher = 'ByUser' | 'ByNamespace' | undefined;

/** A schema with its level: where a request belongs. */
export interface Flow {
  readonly schema: string;
  readonly level: PriorityLevel;
  readonly distinguisher: Distinguisher;
  /** What the answer's headers say. */
  readonly headers: {
    readonly 'X-Kubernetes-PF-FlowSchema-UID': string;
    readonly 'X-Kubernetes-PF-PriorityLevel-UID': string;
  };
  readonly counts: FlowCounts;
}

export interface FlowCounts {
  dispatched: number;
  readonly refused: Record<Refusal, number>;
  /** How many of the dispatched had to wait, and how long in all. */
  waited: number;
  waitedSeconds: number;
}

/** A list has a seat for each hundred objects, up to ten. */
const objectsPerSeat = 100;
const widestList = 10;
/** Nor may it have more than this part of its level's seats. */
const widestPart = 0.15;
/** Classifications that are kept for one user. */
const knownLimit = 500;

export class FlowControl {
  readonly #options: FlowControlOptions;
  readonly #pool: SeatPool = { size: 0, taken: 0, freed: () => this.#startWaiting() };
  readonly #levels = new Map<string, PriorityLevel>();
  readonly #counts = new Map<string, FlowCounts>();
  #schemas: { readonly schema: FlowSchema; readonly flow: Flow }[] = [];
  #byNamespace = false;
  #wanted: ReadonlySet<string> = new Set();
  #known = new WeakMap<UserInfo, Map<string, Flow>>();

  constructor(options: FlowControlOptions) {
    this.#options = options;
    this.configure([], []);
  }

  /** For metrics. */
  get levels(): readonly PriorityLevel[] {
    return [...this.#levels.values()];
  }

  /** Whether the level is configured no more and only works off what it has. */
  isQuiescing({ settings }: PriorityLevel): boolean {
    return !this.#wanted.has(settings.name);
  }

  /** For metrics. */
  get flows(): readonly Flow[] {
    return this.#schemas.map(({ flow }) => flow);
  }

  /** Works by these from now on; what is mandatory and not among them is as it is by default. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const all = withMandatory(levels, defaultPriorityLevels);
    const settings = settingsOf(all, this.#options.seats);
    for (const each of settings) {
      const present = this.#levels.get(each.name);
      if (present) present.configure(each);
      else this.#levels.set(each.name, new PriorityLevel(each, this.#pool));
    }
    this.#pool.size = settings.reduce((sum, { exempt, lendableSeats }) => sum + (exempt ? 0 : lendableSeats), 0);
    const wanted = new Set(settings.map(({ name }) => name));
    this.#wanted = wanted;
    for (const [name, level] of this.#levels) {
      // One that is no more works off what it has.
      if (!wanted.has(name) && level.executing + level.waitingCount === 0) this.#levels.delete(name);
    }
    this.#schemas = inOrder(withMandatory(schemas, defaultFlowSchemas)).flatMap((schema) => {
      const level = this.#levels.get(schema.spec?.priorityLevelConfiguration?.name ?? '');
      return level && wanted.has(level.settings.name) ? [{ schema, flow: this.#flowOf(schema, level) }] : [];
    });
    this.#byNamespace = this.#schemas.some(({ schema }) => looksAtNamespace(schema));
    this.#known = new WeakMap();
    this.#startWaiting();
  }

  /** Gives a request its seats, at once where there are some. Throws a Status of 429. */
  admit(
    user: UserInfo,
    request: Attributes & { readonly query: URLSearchParams },
    signal: AbortSignal,
  ): Ticket | Promise<Ticket> {
    const flow = this.flowFor(user, request);
    const width = request.verb === 'list' ? this.#widthOf(request, flow.level) : 1;
    if (!flow.level.tryEnter(width)) return this.#wait(flow, user, request, width, signal);
    flow.counts.dispatched += 1;
    return new Ticket(flow, width);
  }

  /** The flow that a request belongs to. */
  flowFor(user: UserInfo, request: Attributes): Flow {
    let known = this.#known.get(user);
    if (known === undefined) {
      known = new Map();
      this.#known.set(user, known);
    }
    const { isResource, verb, group, resource, subresource, namespace, path } = request;
    const scope = this.#byNamespace ? namespace : namespace === '' ? '' : 'n';
    const key = isResource ? `${verb} ${group}/${resource}/${subresource} ${scope}` : `${verb} ${path}`;
    let flow = known.get(key);
    if (flow === undefined) {
      flow = this.#schemas.find(({ schema }) => matches(schema, user, request))?.flow ?? this.#lastResort();
      if (known.size < knownLimit) known.set(key, flow);
    }
    return flow;
  }

  async #wait(flow: Flow, user: UserInfo, request: Attributes, width: number, signal: AbortSignal) {
    const startedAt = performance.now();
    const { level, schema, counts } = flow;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#options.waitMs)]);
    const distinguisher = distinguisherOf(flow, user.name, request.namespace);
    const waiter = { schema, distinguisher, userName: user.name, request, since: Date.now() };
    const departure = await level.wait(waiter, width, patience, (why) => {
      counts.refused[why] += 1;
    });
    counts.dispatched += 1;
    counts.waited += 1;
    counts.waitedSeconds += (performance.now() - startedAt) / 1000;
    return new Ticket(flow, width, departure);
  }

  #widthOf(request: Attributes & { readonly query: URLSearchParams }, { settings }: PriorityLevel): number {
    const objects = this.#options.listed(request);
    if (objects <= objectsPerSeat) return 1;
    const widest = settings.exempt ? widestList : Math.min(widestList, Math.floor(settings.nominalSeats * widestPart));
    return Math.max(1, Math.min(widest, Math.ceil(objects / objectsPerSeat)));
  }

  #flowOf({ metadata, spec }: FlowSchema, level: PriorityLevel): Flow {
    const schema = metadata?.name ?? '';
    let counts = this.#counts.get(schema);
    if (counts === undefined) {
      counts = {
        dispatched: 0,
        refused: { 'queue-full': 0, 'concurrency-limit': 0, 'time-out': 0 },
        waited: 0,
        waitedSeconds: 0,
      };
      this.#counts.set(schema, counts);
    }
    const method = spec?.distinguisherMethod?.type;
    return {
      schema,
      level,
      distinguisher: method === 'ByUser' || method === 'ByNamespace' ? method : undefined,
      headers: {
        'X-Kubernetes-PF-FlowSchema-UID': metadata?.uid ?? '',
        'X-Kubernetes-PF-PriorityLevel-UID': level.settings.uid,
      },
      counts,
    };
  }

  /** The catch-all, for users in no group at all. */
  #lastResort(): Flow {
    const last = this.#schemas.at(-1);
    if (!last) throw new Error('there is always a catch-all flow schema');
    return last.flow;
  }

  #startWaiting(): void {
    for (const level of this.#levels.values()) if (level.waitingCount > 0) level.startWaiting();
  }
}

/** What tells a request's flow from the others of its schema. */
export function distinguisherOf({ distinguisher }: Flow, userName: string, namespace: string): string {
  if (distinguisher === 'ByUser') return userName;
  return distinguisher === 'ByNamespace' ? namespace : '';
}

/** The seats of one request. */
export class Ticket {
  readonly flow: Flow;
  readonly width: number;
  readonly #departure: Departure | undefined;
  readonly #startedAt: number;
  #left = false;

  constructor(flow: Flow, width: number, departure?: Departure) {
    this.flow = flow;
    this.width = width;
    this.#departure = departure;
    this.#startedAt = departure ? performance.now() : 0;
  }

  get isLeft(): boolean {
    return this.#left;
  }

  /** Gives the seats back; once is enough. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    const seconds = this.#departure ? (performance.now() - this.#startedAt) / 1000 : 0;
    this.flow.level.leave(this.width, this.#departure, seconds);
  }
}

function withMandatory<T extends { metadata?: { name?: string } }>(given: readonly T[], defaults: readonly T[]): T[] {
  const names = new Set(given.map(({ metadata }) => metadata?.name));
  // With none at all the server is starting, and has yet to learn which there are.
  const missing = defaults.filter(
    ({ metadata }) => !names.has(metadata?.name) && (given.length === 0 || mandatory.has(metadata?.name ?? '')),
  );
  return [...given, ...missing];
}
