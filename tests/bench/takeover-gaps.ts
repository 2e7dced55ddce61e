/**
 * Readers and writers that go on all the time through the balancer, to measure how long they go without a success. Each has one
 * connection and an object of its own, and repeats nothing: a failed request costs its time, and the next turn is another one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { longestGaps } from '../chaos/load/gaps.ts';
import type { Sign } from '../chaos/load/history.ts';
import { ApiClient } from '../support/api-client.ts';

const path = '/api/v1/namespaces/default/configmaps';
/** Connections are spread over three masters, so that each has one of each kind as a rule. */
const clientsOfEachKind = 3;
/** Between two turns, in ms: what a gap is at least, and seldom enough to leave the processors to the cluster. */
const pauseMs = { read: 10, write: 20 } as const;
type Kind = keyof typeof pauseMs;

export interface Gaps {
  /** The longest time in ms that any reader, any writer waited for its next success. */
  readonly read: number;
  readonly write: number;
  /** How many readers and writers lost their connection, and how many requests of theirs failed. */
  readonly cutOff: Readonly<Record<Kind, number>>;
  readonly failures: number;
}

export class GapClients {
  readonly #kubeconfig: string;
  readonly #end = new AbortController();
  readonly #running: Promise<void>[] = [];
  #signs: Sign[] = [];
  #cuts: Sign[] = [];
  #failures = 0;
  /** Clients of an earlier one connect anew. */
  #generation = 0;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  start(): void {
    for (let i = 0; i < clientsOfEachKind; i += 1)
      for (const kind of ['read', 'write'] as const) this.#running.push(this.#go(kind, `gap-${kind}-${i}`));
  }

  /** Ends all clients. */
  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  /**
   * Begins anew: forgets what was, and has every client connect again, since a master that came back has no clients at
   * first. Call it a moment before the fault, and `since` after it.
   */
  renew(): void {
    this.#signs = [];
    this.#cuts = [];
    this.#failures = 0;
    this.#generation += 1;
  }

  /** The gaps from `fromMs` (of `performance.now`) on; throws where a client had no success before it, so that nothing can be said. */
  since(fromMs: number): Gaps {
    const before = new Set(this.#signs.filter(({ atMs }) => atMs < fromMs).map(({ client }) => client));
    if (before.size < 2 * clientsOfEachKind)
      throw new Error(`only ${before.size} clients were served before the fault`);
    const { read, write } = longestGaps(this.#signs, fromMs, performance.now());
    const cut = this.#cuts.filter(({ atMs }) => atMs >= fromMs);
    const cutOff = (kind: Kind): number =>
      new Set(cut.filter((sign) => sign.kind === kind).map(({ client }) => client)).size;
    return { read, write, cutOff: { read: cutOff('read'), write: cutOff('write') }, failures: this.#failures };
  }

  async #go(kind: Kind, name: string): Promise<void> {
    const connect = (): ApiClient =>
      new ApiClient(this.#kubeconfig, {
        connections: 1,
        onDisconnect: () => this.#cuts.push({ kind, client: name, atMs: performance.now() }),
      });
    let api = connect();
    let generation = this.#generation;
    await api.send('POST', path, { metadata: { name } }).catch(() => {});
    for (let turn = 0; !this.#end.signal.aborted; turn += 1) {
      if (generation !== this.#generation) {
        generation = this.#generation;
        await api.close();
        api = connect();
      }
      const request =
        kind === 'read'
          ? api.send('GET', `${path}/${name}`)
          : api.send('PATCH', `${path}/${name}`, { data: { turn: `${turn}` } }, 'application/merge-patch+json');
      const status = await request.then((answer) => answer.status).catch(() => undefined);
      if (status === 200) this.#signs.push({ kind, client: name, atMs: performance.now() });
      else this.#failures += 1;
      await sleep(pauseMs[kind]);
    }
    await api.close();
  }
}
