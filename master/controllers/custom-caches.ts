/**
 * Informers for custom resources: one for each definition that is served, started and ended as definitions come and go. Only
 * what looks after objects of every kind needs them.
 */
import type { Client } from '../api/client.ts';
import { Informer } from '../api/informer.ts';
import { groupResource, type Kind } from '../api/kinds.ts';
import type { Logger } from '../api/logging.ts';
import { deepEqual } from '../api/meta.ts';
import { servedKind } from '../api/served-kind.ts';
import type { CustomResourceDefinition, KubeObject, ResourceName } from '../api/types.ts';

type CustomInformer = Informer<ResourceName, KubeObject>;

interface Following {
  readonly kind: Kind;
  readonly informer: CustomInformer;
  readonly end: AbortController;
  readonly ended: Promise<void>;
}

const lastNewsMs = 10_000;

export class CustomCaches {
  readonly #client: Client;
  readonly #logger: Logger;
  readonly #definitions: Informer<'customresourcedefinitions'>;
  readonly #following = new Map<string, Following>();
  readonly #ending = new Set<Following>();
  readonly #listeners = new Set<(informer: CustomInformer) => void>();

  constructor(client: Client, logger: Logger, definitions: Informer<'customresourcedefinitions'>) {
    this.#client = client;
    this.#logger = logger;
    this.#definitions = definitions;
  }

  /** Follows the definitions, and the objects of each, until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const seen = (definition: CustomResourceDefinition): void => this.#seen(definition, signal);
    this.#definitions.addHandler(
      {
        added: seen,
        updated: (_, definition) => seen(definition),
        deleted: ({ metadata }) => this.#gone(metadata?.name ?? ''),
      },
      signal,
    );
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const { end } of this.#ending) end.abort();
    await Promise.all([...this.#following.values(), ...this.#ending].map(({ ended }) => ended));
  }

  get kinds(): readonly Kind[] {
    return [...this.#following.values()].map(({ kind }) => kind);
  }

  /** Calls the listener for every informer that there is, and for each that comes, until the signal is aborted. */
  forEach(listener: (informer: CustomInformer) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
    for (const { informer } of this.#following.values()) listener(informer);
  }

  #seen(definition: CustomResourceDefinition, signal: AbortSignal): void {
    const name = definition.metadata?.name ?? '';
    const kind = servedKind(definition);
    const known = this.#following.get(name);
    if (known && deepEqual(known.kind, kind)) return;
    this.#gone(name);
    if (!kind) return;
    const informer: CustomInformer = new Informer(this.#client, kind, { logger: this.#logger });
    const end = new AbortController();
    const ended = informer.run(AbortSignal.any([signal, end.signal]));
    this.#following.set(name, { kind, informer, end, ended });
    this.#logger.debug({ resource: groupResource(kind) }, 'following a custom resource');
    for (const listener of this.#listeners) listener(informer);
  }

  /** The last of its objects went just before the definition; news of them may come just after. */
  #gone(name: string): void {
    const known = this.#following.get(name);
    if (!known) return;
    this.#following.delete(name);
    const timer = setTimeout(() => known.end.abort(), lastNewsMs);
    known.end.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    this.#ending.add(known);
    void known.ended.then(() => this.#ending.delete(known));
  }
}
