/**
 * The clients of a chaos run: writers, readers and watchers that go on all the time through the balancer, and keep what
 * they did and saw (history.ts). Each has one connection and repeats no request: a failure is recorded, and the next turn is
 * another operation.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../../support/api-client.ts';
import type { Random } from '../../support/random.ts';
import { type ClientKind, History, nowMs, type Outcome, type Shown, type WatchStretch } from './history.ts';

export const namespace = 'chaos';
const path = `/api/v1/namespaces/${namespace}/configmaps`;
const label = 'chaos';

const shape = { registers: 4, writersEach: 2, readersEach: 1, appenders: 2, setReaders: 2, watchers: 2 } as const;
/** Between two turns of a client, on average: often enough to measure gaps, and far from what the machine can do. */
const pauseMs = { read: 25, write: 60, watch: 0 } as const;
/** A request without an answer by then has failed. */
const timeoutMs = 5_000;
/** A full set is left alone and the next one begun, so that states stay small. */
const setSize = 60;
/** A watch that tells nothing for this long, while others write all the time, is taken up again. */
const silentMs = 10_000;

interface ConfigMap {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly labels?: Record<string, string>;
  };
  readonly data?: Record<string, string>;
}

export class Load {
  readonly history = new History();
  readonly #kubeconfig: string;
  readonly #random: Random;
  readonly #stopWriting = new AbortController();
  readonly #stopWatching = new AbortController();
  readonly #clients: ApiClient[] = [];
  #writing: Promise<void>[] = [];
  #watching: Promise<void>[] = [];
  /** The set that is filled now. */
  #set = 0;
  readonly #setSizes: number[] = [];
  #serial = 0;
  #stopped: Promise<void> | undefined;

  constructor(kubeconfig: string, random: Random) {
    this.#kubeconfig = kubeconfig;
    this.#random = random;
  }

  /** Begins, in a namespace of its own. */
  async start(): Promise<void> {
    const api = this.#client();
    const made = await api.send('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    if (made.status !== 201 && made.status !== 409)
      throw new Error(`namespace ${namespace}: ${made.status} ${made.text}`);
    const times = <T>(count: number, make: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, i) => make(i));
    this.#watching = times(shape.watchers, (i) => this.#watch(`watcher-${i}`));
    this.#writing = times(shape.registers, (i) => `register-${i}`).flatMap((name) => [
      ...times(shape.writersEach, (i) => this.#swap(name, `${name}-writer-${i}`)),
      ...times(shape.readersEach, (i) => this.#read(name, `${name}-reader-${i}`)),
    ]);
    this.#writing.push(...times(shape.appenders, (i) => this.#append(`appender-${i}`)));
    this.#writing.push(...times(shape.setReaders, (i) => this.#readSet(`set-reader-${i}`)));
  }

  /** Ends the writers, reads everything once more, and lets the watchers see what is left to see. May be called again. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopWriting.abort();
    await Promise.all(this.#writing);
    const last = await this.#readAll().catch(() => undefined);
    const deadline = nowMs() + 15_000;
    while (last && nowMs() < deadline && !this.#watchersHave(last)) await sleep(50);
    this.#stopWatching.abort();
    await Promise.all(this.#watching);
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** One writer among others of the same register: reads it, then replaces what it read. */
  async #swap(object: string, client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('write', client, async () => {
      const current = await this.#get(api, object, client);
      const { value: expected, resourceVersion } = current;
      const value = `${client}.${this.#serial++}`;
      const fromMs = nowMs();
      const body = {
        metadata: { name: object, resourceVersion, labels: { [label]: 'register' } },
        data: { value, expected },
      };
      const outcome = await outcomeOf(
        expected === undefined ? api.send('POST', path, body) : api.send('PUT', `${path}/${object}`, body),
      );
      const done = {
        kind: 'swap',
        object,
        client,
        fromMs,
        toMs: nowMs(),
        expected,
        value,
        outcome: outcome.is,
      } as const;
      this.history.registers.push(done);
      // To lose against another writer is an answer too.
      return outcome.is === 'unknown' ? outcome.reason : undefined;
    });
  }

  async #read(object: string, client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('read', client, async () => {
      await this.#get(api, object, client);
      return undefined;
    });
  }

  async #get(api: ApiClient, object: string, client: string): Promise<{ value?: string; resourceVersion?: string }> {
    const fromMs = nowMs();
    const { status, text } = await api.send('GET', `${path}/${object}`);
    if (status !== 200 && status !== 404) throw new Error(`${status}`);
    const found: ConfigMap | undefined = status === 200 ? JSON.parse(text) : undefined;
    const value = found?.data?.value;
    this.history.registers.push({ kind: 'read', object, client, fromMs, toMs: nowMs(), value });
    return { value, resourceVersion: found?.metadata.resourceVersion };
  }

  /** Adds elements by a merge patch, which names no version: the server is to merge what comes at once. */
  async #append(client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('write', client, async () => {
      const object = this.#currentSet();
      const element = `${client}.${this.#serial++}`;
      const fromMs = nowMs();
      const data = { [element]: '' };
      let outcome = await outcomeOf(api.send('PATCH', `${path}/${object}`, { data }, 'application/merge-patch+json'));
      if (outcome.status === 404) {
        const body = { metadata: { name: object, labels: { [label]: 'set' } }, data };
        outcome = await outcomeOf(api.send('POST', path, body));
      }
      this.history.sets.push({ kind: 'add', object, client, fromMs, toMs: nowMs(), element, outcome: outcome.is });
      if (outcome.is === 'done') this.#setSizes[this.#set] = (this.#setSizes[this.#set] ?? 0) + 1;
      return outcome.is === 'unknown' ? outcome.reason : undefined;
    });
  }

  #currentSet(): string {
    if ((this.#setSizes[this.#set] ?? 0) >= setSize) this.#set += 1;
    return `set-${this.#set}`;
  }

  async #readSet(client: string): Promise<void> {
    const api = this.#client();
    await this.#repeat('read', client, async () => {
      const object = this.#currentSet();
      const fromMs = nowMs();
      const { status, text } = await api.send('GET', `${path}/${object}`);
      if (status !== 200 && status !== 404) return `${status}`;
      const elements = status === 200 ? Object.keys((JSON.parse(text) as ConfigMap).data ?? {}) : [];
      this.history.sets.push({ kind: 'elements', object, client, fromMs, toMs: nowMs(), elements });
      return undefined;
    });
  }

  /** A list answers for every object at once. */
  async #readAll(): Promise<Map<string, Shown>> {
    const api = this.#client();
    const fromMs = nowMs();
    const { items } = await api.json<{ items: ConfigMap[] }>('GET', `${path}?labelSelector=${label}`);
    const toMs = nowMs();
    for (const { metadata, data = {} } of items) {
      const operation = { object: metadata.name, client: 'last-reader', fromMs, toMs };
      if (metadata.labels?.[label] === 'set')
        this.history.sets.push({ kind: 'elements', ...operation, elements: Object.keys(data) });
      else this.history.registers.push({ kind: 'read', ...operation, value: data.value });
    }
    return new Map(items.map((item) => [item.metadata.name, shownOf(item)]));
  }

  /** Lists, and watches from there on; after a break from the last revision seen; lists again only when told to (410). */
  async #watch(client: string): Promise<void> {
    const { signal } = this.#stopWatching;
    while (!signal.aborted) {
      try {
        const api = this.#client();
        const listed = await api.json<{ metadata: { resourceVersion: string }; items: ConfigMap[] }>(
          'GET',
          `${path}?labelSelector=${label}`,
        );
        const stretch: WatchStretch = {
          client,
          listed: new Map(listed.items.map((item) => [item.metadata.name, shownOf(item)])),
          events: [],
          resumedMs: [],
        };
        this.history.watches.push(stretch);
        await this.#follow(api, stretch, listed.metadata.resourceVersion);
      } catch (error) {
        this.#failed('watch', client, error);
        await sleep(200);
      }
    }
  }

  /** Returns when the revision is too old, or at the end. */
  async #follow(api: ApiClient, stretch: WatchStretch, from: string): Promise<void> {
    let revision = from;
    const { signal } = this.#stopWatching;
    while (!signal.aborted) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), silentMs);
      const seconds = Math.round(this.#random.between(20, 60));
      const query = `labelSelector=${label}&watch=1&allowWatchBookmarks=true&resourceVersion=${revision}&timeoutSeconds=${seconds}`;
      try {
        for await (const line of api.watch(`${path}?${query}`, AbortSignal.any([signal, silence.signal]))) {
          timer.refresh();
          const { type, object } = JSON.parse(line) as { type: string; object: ConfigMap & { code?: number } };
          if (type === 'ERROR') {
            if (object.code === 410) return;
            throw new Error(`an ERROR event with ${object.code}`);
          }
          revision = object.metadata.resourceVersion;
          if (type === 'BOOKMARK') continue;
          const atMs = nowMs();
          const event = {
            atMs,
            type,
            object: object.metadata.name,
            revision: BigInt(revision),
            shown: shownOf(object),
          };
          stretch.events.push(event);
          this.history.signs.push({ kind: 'watch', client: stretch.client, atMs });
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Error && /: 410 /.test(error.message)) return;
        this.#failed('watch', stretch.client, error);
        await sleep(50);
      } finally {
        clearTimeout(timer);
      }
      stretch.resumedMs.push(nowMs());
    }
  }

  #watchersHave(last: ReadonlyMap<string, Shown>): boolean {
    const stretches = new Map(this.history.watches.map((stretch) => [stretch.client, stretch]));
    return [...stretches.values()].every((stretch) => {
      const state = new Map(stretch.listed);
      for (const { object, shown } of stretch.events) state.set(object, shown);
      return [...last].every(([object, shown]) => String(state.get(object)) === String(shown));
    });
  }

  /** `turn` gives why it failed, or nothing. */
  async #repeat(kind: ClientKind, client: string, turn: () => Promise<string | undefined>): Promise<void> {
    while (!this.#stopWriting.signal.aborted) {
      const failure = await turn().catch((error: unknown) => error ?? 'unknown');
      if (failure === undefined) this.history.signs.push({ kind, client, atMs: nowMs() });
      else this.#failed(kind, client, failure);
      await sleep(this.#random.between(0.5, 1.5) * pauseMs[kind]);
    }
  }

  #failed(kind: ClientKind, client: string, error: unknown): void {
    this.history.failures.push({ kind, client, atMs: nowMs(), reason: reasonOf(error) });
  }

  #client(): ApiClient {
    const client = new ApiClient(this.#kubeconfig, { connections: 1, timeoutMs });
    this.#clients.push(client);
    return client;
  }
}

interface SendOutcome {
  readonly is: Outcome;
  readonly status?: number;
  readonly reason: string;
}

/** Only a success and a conflict are certain. All else may have been applied, or be applied later. */
async function outcomeOf(sending: Promise<{ status: number; text: string }>): Promise<SendOutcome> {
  try {
    const { status, text } = await sending;
    const is = status < 300 ? 'done' : status === 409 ? 'conflict' : 'unknown';
    return { is, status, reason: `${status} ${text.slice(0, 120)}` };
  } catch (error) {
    return { is: 'unknown', reason: reasonOf(error) };
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : error.name;
  return `${code}: ${error.message}`.slice(0, 160);
}

function shownOf({ metadata, data = {} }: ConfigMap): Shown {
  return metadata.labels?.[label] === 'set' ? Object.keys(data) : (data.value ?? '');
}
