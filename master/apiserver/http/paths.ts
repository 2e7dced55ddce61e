/**
 * All paths that are not resources. Most never change; discovery and OpenAPI are made anew when custom resources come and go,
 * and only once somebody asks.
 */
import { sleep } from '../../api/clock.ts';
import { pathNotFound } from '../../api/errors.ts';
import type { Kind } from '../../api/kinds.ts';
import type { Registry } from '../registry/registry.ts';
import type { Aggregated } from './aggregation/aggregation.ts';
import type { AggregatedDocument } from './aggregation/openapi.ts';
import { discoveryRoutes } from './discovery.ts';
import type { Handler } from './exchange.ts';
import { openApiRoutes } from './openapi/routes.ts';
import { sendIndented } from './respond.ts';

/** Under these, what is served depends on custom resources. */
const changing = /^\/(api|apis|openapi)(\/|$)/;

/** How long an answer waits to be as new as any other server's; an old one is better than none. */
const catchUpMs = 1_000;

const none: readonly Kind[] = [];
const noDocuments: readonly AggregatedDocument[] = [];

export class Paths {
  readonly #fixed: ReadonlyMap<string, Handler>;
  readonly #registry: Registry;
  readonly #aggregated: Aggregated | undefined;
  readonly #address: string | undefined;
  #madeOf: readonly unknown[] = [];
  #made: ReadonlyMap<string, Handler> = new Map();

  constructor(fixed: ReadonlyMap<string, Handler>, registry: Registry, aggregated?: Aggregated, address?: string) {
    const root: Handler = ({ response }) => {
      sendIndented(response, { paths: [...this.#fixed.keys(), ...this.#present().keys()].sort() });
    };
    this.#fixed = new Map([...fixed, ['/', root]]);
    this.#registry = registry;
    this.#aggregated = aggregated;
    this.#address = address;
  }

  has(path: string): boolean {
    return this.#fixed.has(path) || this.#present().has(path);
  }

  get(path: string): Handler | undefined {
    const fixed = this.#fixed.get(path);
    if (fixed || !changing.test(path)) return fixed;
    return async (exchange) => {
      const enough = new AbortController();
      const caughtUp = this.#registry.catchUp().catch(() => {});
      await Promise.race([caughtUp, sleep(catchUpMs, enough.signal)]);
      enough.abort();
      const handler = this.#present().get(path);
      if (!handler) throw pathNotFound();
      return handler(exchange);
    };
  }

  #present(): ReadonlyMap<string, Handler> {
    const { all, customKinds } = this.#registry;
    const others = this.#aggregated?.kinds ?? none;
    const documents = this.#aggregated?.documents ?? noDocuments;
    const stale = this.#aggregated?.stale ?? [];
    const of = [customKinds, others, documents, ...stale];
    if (of.length !== this.#madeOf.length || of.some((each, index) => each !== this.#madeOf[index])) {
      const own = [...all.map(({ kind }) => kind), ...customKinds];
      this.#made = new Map([
        ...discoveryRoutes([...own, ...others], stale, this.#address),
        ...openApiRoutes(own, documents),
      ]);
      this.#madeOf = of;
    }
    return this.#made;
  }
}
