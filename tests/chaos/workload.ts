/**
 * Clients that write and read through the balancer all the time, and what they saw. The history is the evidence: what was
 * acknowledged must be there, and no read may show less than what was acknowledged before it began.
 *
 * Each client has one connection and retries nothing: a failure is recorded, and the next turn tries again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../support/api-client.ts';

const path = '/api/v1/namespaces/default/configmaps';
const creators = 3;
const registers = 3;
const readersEach = 2;
/** A request that is not answered by then counts as failed. */
const timeoutMs = 5_000;
const pauseMs = 15;

/** The longest times, in ms, between two answered requests of any one client in a stretch of the run. */
export interface Gaps {
  readonly read: number;
  readonly write: number;
}

interface Success {
  readonly kind: 'read' | 'write';
  readonly client: string;
  readonly atMs: number;
}

export class Workload {
  readonly #kubeconfig: string;
  readonly #stop = new AbortController();
  readonly #clients: ApiClient[] = [];
  #running: Promise<void>[] = [];
  readonly #successes: Success[] = [];
  readonly #created: string[] = [];
  /** Each register's greatest acknowledged value. */
  readonly #acknowledged = new Map<string, number>();
  readonly staleReads: string[] = [];
  failures = 0;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  start(): void {
    const names = Array.from({ length: registers }, (_, i) => `register-${i}`);
    this.#running = [
      ...Array.from({ length: creators }, (_, i) => this.#create(`creator-${i}`)),
      ...names.map((name) => this.#write(name)),
      ...names.flatMap((name) =>
        Array.from({ length: readersEach }, (_, i) => this.#read(name, `reader-${i}-of-${name}`)),
      ),
    ];
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  get operations(): number {
    return this.#successes.length;
  }

  /** How many writes were acknowledged. */
  get acknowledgedWrites(): number {
    return this.#successes.filter(({ kind }) => kind === 'write').length;
  }

  /** The longest gaps that any client saw from `fromMs` to `toMs` (of `performance.now()`). */
  gaps(fromMs: number, toMs: number): Gaps {
    return { read: this.#longestGap('read', fromMs, toMs), write: this.#longestGap('write', fromMs, toMs) };
  }

  /** Names of objects whose creation was acknowledged and which are not there, and registers that went back. */
  async missing(): Promise<string[]> {
    const api = new ApiClient(this.#kubeconfig);
    const { items } = await api.json<{ items: { metadata: { name: string }; data?: { value?: string } }[] }>(
      'GET',
      path,
    );
    await api.close();
    const values = new Map(items.map(({ metadata, data }) => [metadata.name, Number(data?.value)]));
    const lost = this.#created.filter((name) => !values.has(name));
    const wentBack = [...this.#acknowledged]
      .filter(([name, value]) => !((values.get(name) ?? 0) >= value))
      .map(([name, value]) => `${name}: ${value} was acknowledged, ${values.get(name)} is there`);
    return [...lost, ...wentBack];
  }

  /** New objects, each with a name of its own. */
  async #create(client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('write', client, async (turn) => {
      const name = `${client}-${turn}`;
      const { status } = await api.send('POST', path, { metadata: { name }, data: { value: String(turn) } });
      if (status !== 201) return false;
      this.#created.push(name);
      return true;
    });
  }

  /** One object whose value only grows, by writes that compare the resourceVersion. */
  async #write(name: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('write', name, async (turn) => {
      const current = await api.send('GET', `${path}/${name}`);
      const value = turn + 1;
      const data = { value: String(value) };
      if (current.status === 404) {
        const { status } = await api.send('POST', path, { metadata: { name }, data });
        return status === 201 && this.#acknowledge(name, value);
      }
      if (current.status !== 200) return false;
      const { resourceVersion } = JSON.parse(current.text).metadata;
      const { status } = await api.send('PUT', `${path}/${name}`, { metadata: { name, resourceVersion }, data });
      return status === 200 && this.#acknowledge(name, value);
    });
  }

  #acknowledge(name: string, value: number): true {
    this.#acknowledged.set(name, value);
    return true;
  }

  async #read(name: string, client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('read', client, async () => {
      const atLeast = this.#acknowledged.get(name) ?? 0;
      const { status, text } = await api.send('GET', `${path}/${name}`);
      if (status === 404 && atLeast === 0) return true;
      const value = status === 200 ? Number(JSON.parse(text).data.value) : 0;
      if ((status === 200 || status === 404) && value < atLeast) {
        this.staleReads.push(`${name}: ${value} was read after ${atLeast} was acknowledged`);
      }
      return status === 200;
    });
  }

  async #repeat(kind: Success['kind'], client: string, turn: (turn: number) => Promise<boolean>): Promise<void> {
    for (let count = 0; !this.#stop.signal.aborted; count += 1) {
      const succeeded = await turn(count).catch(() => false);
      if (succeeded) this.#successes.push({ kind, client, atMs: performance.now() });
      else this.failures += 1;
      await sleep(pauseMs);
    }
  }

  #longestGap(kind: Success['kind'], fromMs: number, toMs: number): number {
    const last = new Map<string, number>();
    let longest = 0;
    for (const success of this.#successes) {
      if (success.kind !== kind || success.atMs < fromMs || success.atMs > toMs) continue;
      longest = Math.max(longest, success.atMs - (last.get(success.client) ?? fromMs));
      last.set(success.client, success.atMs);
    }
    for (const atMs of last.values()) longest = Math.max(longest, toMs - atMs);
    return longest;
  }

  #client(): ApiClient {
    const client = new ApiClient(this.#kubeconfig, { connections: 1, timeoutMs });
    this.#clients.push(client);
    return client;
  }
}
