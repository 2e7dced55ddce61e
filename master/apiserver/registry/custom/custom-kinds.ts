/**
 * The custom resources that are served: a table made of the definitions in the store, kept up by the store's watch. The table of
 * built-in kinds is asked first, so requests for those cost nothing more.
 *
 * Each API server follows for itself. Who asks for what is not in the table is refused only once the table has caught up with
 * everything that was acknowledged before, so no server denies what another has established.
 */
import { sleep } from '../../../api/clock.ts';
import { statusError } from '../../../api/errors.ts';
import { apiVersionOf, groupResource, type Kind, kinds } from '../../../api/kinds.ts';
import type { Logger } from '../../../api/logging.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { Equivalent } from '../../admission/seen.ts';
import { listPrefix, objectKey } from '../../store/keys.ts';
import { anyRevision, type WatchSource } from '../../store/types.ts';
import type { WebhookClient } from '../../webhooks/client.ts';
import { GenericResource } from '../generic-resource.ts';
import type { Resource } from '../resource.ts';
import type { Strategy } from '../strategy.ts';
import type { WriterParts } from '../writer.ts';
import { isEstablished } from './conditions.ts';
import { conversionBy } from './conversion.ts';
import { type Definition, type DefinitionVersion, servesSame } from './definition.ts';
import { customVersion } from './strategy.ts';
import { VersionedStore } from './versioned-store.ts';

export interface CustomKindsOptions extends Omit<WriterParts, 'strategy'> {
  readonly logger: Logger;
  /** For conversion between versions; absent: definitions that ask for it cannot be read in other versions. */
  readonly webhooks?: WebhookClient | undefined;
}

/** One definition, with what serves it. */
export interface Entry {
  readonly definition: Definition;
  /** By version; empty for a definition that is not served. */
  readonly served: ReadonlyMap<string, Resource>;
}

const retryMs = 100;
const lookAgainMs = 5;
/** How long a table may take to catch up; as long as reads wait for their revision. */
const catchUpMs = 3_000;

export class CustomKinds {
  readonly #options: CustomKindsOptions;
  readonly #entries = new Map<string, Entry>();
  #byName = new Map<string, Resource>();
  #kinds: readonly Kind[] = [];
  #source: WatchSource | undefined;
  #onChange: () => void = () => {};

  constructor(options: CustomKindsOptions) {
    this.#options = options;
  }

  get(name: string): Resource | undefined {
    return this.#byName.get(name);
  }

  /** The rows of all that is served; another array whenever they have changed. */
  get kinds(): readonly Kind[] {
    return this.#kinds;
  }

  /** The other versions in which such objects are served, for admission. */
  equivalents(kind: Kind): Equivalent[] {
    const own = apiVersionOf(kind);
    const entry = this.#entries.get(
      objectKey(kinds.customresourcedefinitions.resource, undefined, groupResource(kind)),
    );
    if (!entry || entry.served.size < 2) return [];
    const { definition, served } = entry;
    const asked = definition.spec.conversion?.strategy === 'Webhook';
    const convert = asked ? conversionBy(this.#options.webhooks, definition) : undefined;
    const into = async (object: KubeObject, apiVersion: string): Promise<KubeObject> =>
      convert ? ((await convert([object], apiVersion))[0] ?? object) : { ...object, apiVersion };
    const others = [...served.values()].filter((other) => other.kind.version !== kind.version);
    return others.map((other) => ({
      kind: other.kind,
      to: (object) => into(object, apiVersionOf(other.kind)),
      back: (object) => into(object, own),
    }));
  }

  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  /** Called after every change of a definition. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  /** Resolves when the table has every definition that was acknowledged before. Throws where etcd cannot be asked. */
  async catchUp(): Promise<void> {
    const revision = await this.#options.store.currentRevision();
    const deadline = performance.now() + catchUpMs;
    while ((this.#source?.revision ?? -1) < revision && performance.now() < deadline) await sleep(lookAgainMs);
  }

  /** Follows the definitions until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const prefix = listPrefix(kinds.customresourcedefinitions.resource);
    while (!signal.aborted) {
      try {
        const { items, revision } = await this.#options.store.list(prefix, anyRevision);
        const present = new Set(items.map(({ key }) => key));
        for (const key of this.#entries.keys()) if (!present.has(key)) this.#entries.delete(key);
        for (const { key, object } of items) this.#put(key, object);
        this.#changed();
        await this.#follow(prefix, revision, signal);
      } catch (error) {
        this.#options.logger.debug({ err: error }, 'definitions of custom resources cannot be read yet');
        await sleep(retryMs, signal);
      }
    }
  }

  /** Resolves when the watch has ended; the table stays as it is until the next list. */
  #follow(prefix: string, from: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const source = this.#options.store.watch(prefix, from, {
        onEvents: (events) => {
          for (const { key, current } of events) {
            if (current) this.#put(key, current.object);
            else this.#entries.delete(key);
          }
          this.#changed();
        },
        onEnd: () => resolve(),
      });
      this.#source = source;
      const close = (): void => {
        source.close();
        resolve();
      };
      signal.addEventListener('abort', close, { once: true });
    });
  }

  #put(key: string, object: KubeObject): void {
    if (!isDefinition(object)) return;
    const before = this.#entries.get(key);
    if (before && servesSame(before.definition, object)) {
      this.#entries.set(key, { ...before, definition: object });
      return;
    }
    this.#entries.set(key, { definition: object, served: this.#served(object) });
  }

  #served(definition: Definition): ReadonlyMap<string, Resource> {
    const served = new Map<string, Resource>();
    if (!isEstablished(definition)) return served;
    for (const version of definition.spec.versions) {
      if (!version.served) continue;
      try {
        served.set(version.name, this.#resourceOf(definition, version));
      } catch (error) {
        // Written by something else than this API: what cannot be served is not.
        this.#options.logger.warn({ err: error, name: definition.metadata?.name }, 'a definition cannot be served');
      }
    }
    return served;
  }

  #resourceOf(definition: Definition, version: DefinitionVersion): Resource {
    const { store, admission, clock, webhooks } = this.#options;
    const { spec, metadata } = definition;
    const storage = spec.versions.find(({ storage }) => storage) ?? version;
    const custom = customVersion(definition, version);
    const asked = spec.conversion?.strategy === 'Webhook' && spec.versions.length > 1;
    return new GenericResource({
      strategy: metadata?.deletionTimestamp ? ending(custom.strategy) : custom.strategy,
      store: new VersionedStore(store, {
        version: custom,
        storageVersion: `${spec.group}/${storage.name}`,
        convert: asked ? conversionBy(webhooks, definition) : undefined,
      }),
      admission,
      clock,
    });
  }

  #changed(): void {
    const resources = this.entries.toSorted(byName).flatMap(({ served }) => [...served.values()]);
    if (resources.length !== this.#byName.size || !resources.every((resource) => this.#serves(resource))) {
      this.#byName = new Map(resources.map((resource) => [nameOf(resource.kind), resource]));
      this.#kinds = resources.map(({ kind }) => kind);
    }
    this.#onChange();
  }

  #serves(resource: Resource): boolean {
    return this.#byName.get(nameOf(resource.kind)) === resource;
  }
}

export const nameOf = ({ group, version, resource }: Pick<Kind, 'group' | 'version' | 'resource'>): string =>
  `${group}/${version}/${resource}`;

const byName = (a: Entry, b: Entry): number =>
  (a.definition.metadata?.name ?? '') < (b.definition.metadata?.name ?? '') ? -1 : 1;

function isDefinition(object: KubeObject): object is Definition {
  return 'spec' in object && object.kind === kinds.customresourcedefinitions.kind;
}

/** Of a definition that is being deleted, with its objects: nothing new is made. */
function ending(strategy: Strategy): Strategy {
  return {
    ...strategy,
    prepareForCreate() {
      const why = 'create not allowed while custom resource definition is terminating';
      throw statusError('MethodNotAllowed', why, {});
    },
  };
}
