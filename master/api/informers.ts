/** The informers of one process: one for each resource, however many controllers use it. */
import type { Client } from './client.ts';
import { Informer } from './informer.ts';
import type { Logger } from './logging.ts';
import type { ResourceName } from './types.ts';

type Table = { [R in ResourceName]?: Informer<R> };

export class Informers {
  readonly #client: Client;
  readonly #logger: Logger | undefined;
  readonly #informers: Table = {};
  #running: Promise<void>[] = [];
  #signal: AbortSignal | undefined;

  constructor(client: Client, logger?: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  /** The shared informer of a resource, made at the first call; after `start` it is started at once. */
  for<R extends ResourceName>(resource: R): Informer<R> {
    const known: Informer<R> | undefined = this.#informers[resource];
    if (known) return known;
    const informer = new Informer(this.#client, resource, { logger: this.#logger });
    // The table's type ties each name to its informer; TypeScript cannot see that for a generic name.
    (this.#informers as Record<string, unknown>)[resource] = informer;
    if (this.#signal) this.#running.push(informer.run(this.#signal));
    return informer;
  }

  /** Starts every informer that was asked for. They run until the signal is aborted. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#running = this.#all().map((informer) => informer.run(signal));
  }

  /** Resolves when every informer has its first list. */
  async synced(): Promise<void> {
    await Promise.all(this.#all().map((informer) => informer.synced));
  }

  get hasSynced(): boolean {
    return this.#all().every((informer) => informer.hasSynced);
  }

  /** Resolves when all have ended after the signal's abort. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  #all(): { run(signal: AbortSignal): Promise<void>; synced: Promise<void>; hasSynced: boolean }[] {
    return Object.values(this.#informers);
  }
}
