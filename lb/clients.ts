/** The open connections of the clients: how many each client may have, whose are to be closed, and what they hear. */
import type { ClientConnection } from './connection.ts';
import { mayHedge } from './core/budget.ts';

/** A connection without a byte in either direction for so long is in nobody's way. */
const quietMs = 5_000;

export class Clients {
  readonly #limit: number;
  readonly #all = new Set<ClientConnection>();
  readonly #perClient = new Map<string, number>();
  #hedging = 0;
  #established = 0;
  /** Called each time that the last connection has gone. */
  onEmpty = () => {};

  /** `limit`: of connections per client; 0: none. */
  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 0) throw new Error('the limit of connections per client is not a count');
    this.#limit = limit;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether this client may have one more. */
  mayHaveMore(address: string): boolean {
    return this.#limit === 0 || (this.#perClient.get(clientOf(address)) ?? 0) < this.#limit;
  }

  add(connection: ClientConnection): void {
    this.#all.add(connection);
    const client = clientOf(connection.address);
    this.#perClient.set(client, (this.#perClient.get(client) ?? 0) + 1);
  }

  /** Whether a second try beside a slow first one may begin now. `failed`: the first one's backend is down for certain. */
  takeHedge(failed: boolean): boolean {
    if (!failed && !mayHedge(this.#hedging, this.#all.size - this.#established)) return false;
    this.#hedging++;
    return true;
  }

  /** It has a backend: its second tries are over. */
  established(connection: ClientConnection): void {
    this.#established++;
    this.#hedging -= connection.takeHedges();
  }

  /** False if it was not here (any more). */
  remove(connection: ClientConnection): boolean {
    if (!this.#all.delete(connection)) return false;
    if (connection.backend !== undefined) this.#established--;
    this.#hedging -= connection.takeHedges();
    const client = clientOf(connection.address);
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, left);
    if (this.#all.size === 0) this.onEmpty();
    return true;
  }

  sweep(now: number): void {
    for (const connection of this.#all) connection.sweep(now);
  }

  /** Closes all, or those to one backend; gives their number. */
  close(reason: string, backend?: string): number {
    const closing = [...this.#all].filter((connection) => backend === undefined || connection.backend === backend);
    for (const connection of closing) connection.close(reason);
    return closing.length;
  }

  /** Has those to one backend end in order; gives their number. */
  leave(reason: string, backend: string): number {
    const leaving = [...this.#all].filter((connection) => connection.backend === backend);
    for (const connection of leaving) connection.leave(reason);
    return leaving.length;
  }

  /** When the latest bytes of this backend came, over any connection. */
  heardAt(backend: string): number {
    let latest = Number.NEGATIVE_INFINITY;
    for (const connection of this.#all) {
      if (connection.backend === backend) latest = Math.max(latest, connection.heardAt);
    }
    return latest;
  }

  /** The connection to this backend that has been quiet for longest, if one has been for a while and waits for nothing. */
  quietest(backend: string, now: number): ClientConnection | undefined {
    let found: ClientConnection | undefined;
    for (const connection of this.#all) {
      if (connection.backend !== backend || connection.unanswered) continue;
      if (now - connection.activeAt < quietMs) continue;
      if (found === undefined || connection.activeAt < found.activeAt) found = connection;
    }
    return found;
  }

  *[Symbol.iterator](): Generator<ClientConnection> {
    yield* this.#all;
  }

  bytes(): { received: number; sent: number } {
    let received = 0;
    let sent = 0;
    for (const connection of this.#all) {
      received += connection.bytesFromBackend;
      sent += connection.bytesToBackend;
    }
    return { received, sent };
  }
}

/** One client has one IPv4 address, and mostly a whole /64 of IPv6 (RFC 4291, 2.5.4). */
function clientOf(address: string): string {
  if (address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const before = head.split(':');
  // Where the zeros are in the first half, what follows them is in the second.
  return tail === undefined || before.length >= 4 ? before.slice(0, 4).join(':') : `${head}::`;
}
