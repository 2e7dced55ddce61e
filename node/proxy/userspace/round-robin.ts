/** Whose turn it is: gives each new connection of a Service's port to the next endpoint, or a client to its own. Pure. */
import type { Endpoint } from '../service-ports.ts';

interface Kept {
  readonly endpoint: Endpoint;
  readonly lastMs: number;
}

export class RoundRobin {
  #endpoints: readonly Endpoint[] = [];
  #affinityMs: number | undefined;
  #turn = 0;
  /** By the client's address, the one that came last at the end. */
  readonly #kept = new Map<string, Kept>();

  /** The turn goes on where it was; clients of endpoints that are gone get another one. */
  update(endpoints: readonly Endpoint[], affinitySeconds: number | undefined): void {
    const next = this.#endpoints[this.#turn];
    this.#endpoints = endpoints;
    this.#turn = Math.max(0, next ? endpoints.findIndex((endpoint) => same(endpoint, next)) : 0);
    this.#affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1_000;
    for (const [client, { endpoint }] of this.#kept) if (!this.has(endpoint)) this.#kept.delete(client);
    if (affinitySeconds === undefined) this.#kept.clear();
  }

  has(endpoint: Endpoint): boolean {
    return this.#endpoints.some((other) => same(other, endpoint));
  }

  get size(): number {
    return this.#endpoints.length;
  }

  /** The endpoint for a connection of `client` at `nowMs`; undefined if there is none. `another`: the client's own has failed it. */
  next(client: string, nowMs: number, { another = false } = {}): Endpoint | undefined {
    this.#forget(nowMs);
    const kept = another ? undefined : this.#kept.get(client);
    const endpoint = kept?.endpoint ?? this.#endpoints[this.#turn];
    if (!endpoint) return undefined;
    if (!kept) this.#turn = (this.#turn + 1) % this.#endpoints.length;
    if (this.#affinityMs !== undefined) {
      this.#kept.delete(client);
      this.#kept.set(client, { endpoint, lastMs: nowMs });
    }
    return endpoint;
  }

  #forget(nowMs: number): void {
    for (const [client, { lastMs }] of this.#kept) {
      if (nowMs - lastMs < (this.#affinityMs ?? 0)) return;
      this.#kept.delete(client);
    }
  }
}

function same(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
