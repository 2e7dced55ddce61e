/** A registry over a real etcd member, or several registries over one, and short words for what tests do with them. */
import { systemClock } from '../../../master/api/clock.ts';
import { StatusError } from '../../../master/api/errors.ts';
import { createLogger } from '../../../master/api/logging.ts';
import type { ConfigMap, KubeObject, ResourceName, ResourceTypes } from '../../../master/api/types.ts';
import type {
  ObjectName,
  RequestContext,
  ResourceEvent,
  WatchListener,
} from '../../../master/apiserver/registry/context.ts';
import { createRegistry, type Registry } from '../../../master/apiserver/registry/registry.ts';
import type { Resource } from '../../../master/apiserver/registry/resource.ts';
import type { Store, Stored } from '../../../master/apiserver/store/types.ts';
import { startEtcd } from '../../support/etcd.ts';
import { startStore } from '../../support/store.ts';

export interface World {
  /** One for each API server, the first of which has started the cluster. */
  readonly registries: readonly Registry[];
  readonly stores: readonly Store[];
  stop(): Promise<void>;
}

export interface WorldOptions {
  servers?: number;
  nodePorts?: string;
  serviceRange?: string;
  /** Where each server says that it can be reached. */
  advertise?: (index: number) => { address: string; port: number };
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { servers = 1, nodePorts = '30000-32767', serviceRange = '10.96.0.0/16' } = options;
  const { advertise = (index) => ({ address: `10.0.0.${index + 1}`, port: 6443 }) } = options;
  const etcd = await startEtcd();
  const running = await Promise.all(Array.from({ length: servers }, () => startStore(etcd.endpoints)));
  const stopping = new AbortController();
  const registries = running.map(({ store }, index) =>
    createRegistry({
      store,
      clock: systemClock,
      logger: createLogger('registry', 'silent'),
      serviceClusterIpRange: serviceRange,
      serviceNodePortRange: nodePorts,
      // Nobody makes accounts here, or knows what claims are used for.
      disabledPlugins: new Set(['ServiceAccount', 'TaintNodesByCondition', 'StorageObjectInUseProtection']),
      defaultNotReadyTolerationSeconds: 10,
      defaultUnreachableTolerationSeconds: 10,
      advertise: () => advertise(index),
    }),
  );
  await Promise.all(registries.map((registry) => registry.start(stopping.signal)));
  return {
    registries,
    stores: running.map(({ store }) => store),
    stop: async () => {
      stopping.abort();
      await Promise.all(running.map(({ stop }) => stop()));
      await etcd.stop();
    },
  };
}

export const inDefault = (name: string): ObjectName => ({ namespace: 'default', name });

export const configMap = (name: string, data: Record<string, string> = {}, metadata: object = {}): ConfigMap => ({
  metadata: { name, ...metadata },
  data,
});

export const context = (changes: Partial<RequestContext> = {}): RequestContext => ({
  user: { name: 'me', groups: ['system:masters'] },
  dryRun: false,
  fieldValidation: 'Ignore',
  warnings: [],
  signal: new AbortController().signal,
  ...changes,
});

export function resource(registry: Registry | undefined, name: ResourceName): Resource {
  const found = registry?.all.find(({ kind }) => kind.resource === name);
  if (!found) throw new Error(`no resource ${name}`);
  return found;
}

/** The object of what was answered, as the client of that resource reads it. */
export function objectOf<Name extends ResourceName>(_name: Name, stored: Stored): ResourceTypes[Name] {
  const object: KubeObject = JSON.parse(stored.bytes.toString());
  return object as ResourceTypes[Name];
}

/** The StatusError that an action ends with. */
export async function refusal(action: Promise<unknown>): Promise<StatusError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** A watcher that remembers events as `ADDED name`, and can wait for them. */
export class Watching implements WatchListener {
  readonly seen: string[] = [];
  initialEnd: number | undefined;
  readonly #waiting: (() => void)[] = [];

  onEvents(events: readonly ResourceEvent[]): void {
    for (const { type, stored } of events) this.seen.push(`${type} ${stored.object.metadata?.name}`);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  onInitialEventsEnd(revision: number): void {
    this.initialEnd = revision;
  }

  onEnd(): void {}

  async until(count: number): Promise<string[]> {
    while (this.seen.length < count) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    return this.seen;
  }
}
