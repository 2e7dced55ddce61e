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
import { Follower } from '../../store/follower.ts';
import { listPrefix, objectKey } from '../../store/keys.ts';
import type { WebhookClient } from '../../webhooks/client.ts';
import { GenericResource } from '../generic-resource.ts';
import type { Resource } from '../resource.ts';
import type { Strategy } from '../strategy.ts';
import type { VersionedStore } from '../versions/versioned-store.ts';
import type { WriterParts } from '../writer.ts';
import { isEstablished } from './conditions.ts';
import { conversionBy } from './conversion.ts';
import { customStore } from './custom-store.ts';
import { servesSame } from './definition.ts';
import type { Definition, DefinitionVersion } from './definition-types.ts';
import { customVersion } from './strategy.ts';
import { compareVersions } from './version-order.ts';

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
  /** Ends the watches of what is served. */
  readonly retire: () => void;
}

const lookAgainMs = 5;
const lastNewsMs = 200;
/** How long a table may take to catch up; as long as reads wait for their revision. */
const catchUpMs = 3_000;

export class CustomKinds {
  readonly #options: CustomKindsOptions;
  readonly #entries = new Map<string, Entry>();
  #byName = new Map<string, Resource>();
  #kinds: readonly Kind[] = [];
  readonly #follower: Follower;
  #onChange: () => void = () => {};

  constructor(options: CustomKindsOptions) {
    this.#options = options;
    const prefix = listPrefix(kinds.customresourcedefinitions.resource);
    this.#follower = new Follower(options.store, prefix, {
      replace: (items) => {
        const present = new Set(items.map(({ key }) => key));
        for (const key of [...this.#entries.keys()]) if (!present.has(key)) this.#delete(key);
        for (const { key, object } of items) this.#put(key, object);
        this.#changed();
      },
      change: (events) => {
        for (const { key, current } of events) {
          if (current) this.#put(key, current.object);
          else this.#delete(key);
        }
        this.#changed();
      },
    });
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
    while (this.#follower.revision < revision && performance.now() < deadline) await sleep(lookAgainMs);
  }

  /** Follows the definitions until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    return this.#follower.run(signal);
  }

  #put(key: string, object: KubeObject): void {
    if (!isDefinition(object)) return;
    const before = this.#entries.get(key);
    if (before && servesSame(before.definition, object)) {
      this.#entries.set(key, { ...before, definition: object });
      return;
    }
    this.#delete(key);
    const stores: VersionedStore[] = [];
    const retire = (): void => {
      for (const store of stores) store.retire();
    };
    this.#entries.set(key, { definition: object, served: this.#served(object, stores), retire });
  }

  /** The last of the objects may have gone with the same news: their watchers hear of it first. */
  #delete(key: string): void {
    const entry = this.#entries.get(key);
    this.#entries.delete(key);
    if (entry && entry.served.size > 0) setTimeout(entry.retire, lastNewsMs).unref();
  }

  #served(definition: Definition, stores: VersionedStore[]): ReadonlyMap<string, Resource> {
    const served = new Map<string, Resource>();
    if (!isEstablished(definition)) return served;
    for (const version of definition.spec.versions) {
      if (!version.served) continue;
      try {
        served.set(version.name, this.#resourceOf(definition, version, stores));
      } catch (error) {
        // Written by something else than this API: what cannot be served is not.
        this.#options.logger.warn({ err: error, name: definition.metadata?.name }, 'a definition cannot be served');
      }
    }
    return served;
  }

  #resourceOf(definition: Definition, version: DefinitionVersion, stores: VersionedStore[]): Resource {
    const { store, admission, clock, webhooks } = this.#options;
    const { spec, metadata } = definition;
    const custom = customVersion(definition, version);
    const asked = spec.conversion?.strategy === 'Webhook' && spec.versions.length > 1;
    const versioned = customStore(store, definition, custom, asked ? conversionBy(webhooks, definition) : undefined);
    stores.push(versioned);
    return new GenericResource({
      strategy: untilItEnds(custom.strategy, () => this.#isEnding(metadata?.name ?? '')),
      store: versioned,
      admission,
      clock,
    });
  }

  #isEnding(name: string): boolean {
    const key = objectKey(kinds.customresourcedefinitions.resource, undefined, name);
    return this.#entries.get(key)?.definition.metadata?.deletionTimestamp !== undefined;
  }

  #changed(): void {
    const resources = this.entries.flatMap(({ served }) => [...served.values()]).toSorted(inDiscovery);
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

/** By group; within it the versions in the order in which clients prefer them; then by name. */
const inDiscovery = ({ kind: a }: Resource, { kind: b }: Resource): number =>
  compare(a.group, b.group) || compareVersions(a.version, b.version) || compare(a.resource, b.resource);

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function isDefinition(object: KubeObject): object is Definition {
  return 'spec' in object && object.kind === kinds.customresourcedefinitions.kind;
}

/** While its definition is being deleted, with its objects, nothing new is made. */
function untilItEnds(strategy: Strategy, isEnding: () => boolean): Strategy {
  return {
    ...strategy,
    prepareForCreate(object, ctx, now) {
      if (!isEnding()) return strategy.prepareForCreate?.(object, ctx, now);
      const why = 'create not allowed while custom resource definition is terminating';
      throw statusError('MethodNotAllowed', why, {});
    },
  };
}
