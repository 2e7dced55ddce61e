/**
 * The registry: every resource of the API, over one store. It knows what the objects mean: their defaults, their rules,
 * how they begin, change and end. It knows nothing of HTTP above it and nothing of etcd below.
 *
 * Guarantees: the generic verbs are the same for every resource; what is particular to one is in its strategy.
 */
import type { Clock } from '../../api/clock.ts';
import { apiVersionOf, type Kind, kinds, unstoredKinds } from '../../api/kinds.ts';
import type { Logger } from '../../api/logging.ts';
import type { Judge } from '../admission/authorizer-functions.ts';
import { createAdmission } from '../admission/chain.ts';
import { objectsOf } from '../admission/objects.ts';
import type { Equivalent } from '../admission/seen.ts';
import type { Admission, AdmissionPlugin } from '../admission/types.ts';
import { listPrefix } from '../store/keys.ts';
import type { PeekableStore } from '../store/types.ts';
import type { WebhookClient } from '../webhooks/client.ts';
import { keepServiceAddresses } from './allocation/address-repair.ts';
import { liveRanges } from './allocation/live-ranges.ts';
import { parseAddressRange, parsePortRange } from './allocation/ranges.ts';
import { Bootstrap } from './bootstrap.ts';
import { ComponentStatuses } from './component-statuses.ts';
import { systemContext } from './context.ts';
import { CustomKinds, nameOf } from './custom/custom-kinds.ts';
import { runDefinitions } from './custom/definition-controller.ts';
import { expireEvents } from './event-expiry.ts';
import { GenericResource } from './generic-resource.ts';
import { type Identity, keepIdentityLease } from './identity-lease.ts';
import { paramReader } from './param-reader.ts';
import type { Resource } from './resource.ts';
import { type Review, ReviewResource } from './review-resource.ts';
import { createStrategies } from './strategies/index.ts';
import type { Strategy } from './strategy.ts';
import { otherVersionsOf, strategyIn } from './versions/strategy-in.ts';
import { VersionedStore } from './versions/versioned-store.ts';

export interface Registry {
  /** For what is admitted without being written: connections. */
  readonly admission: Admission;
  /** The built-in resources. */
  readonly all: readonly Resource[];
  /** The rows of all custom resources that are served now; another array whenever they change. */
  readonly customKinds: readonly Kind[];
  resource(group: string, version: string, resourceName: string): Resource | undefined;
  /**
   * Resolves when this server knows every custom resource that any had established before. Throws where etcd cannot be
   * asked. Before a resource is said not to exist.
   */
  catchUp(): Promise<void>;
  /**
   * Makes what every cluster has (namespaces, the `kubernetes` Service) and keeps the addresses of the live API servers
   * in its endpoints until `signal` ends. Safe with any number of API servers. Resolves when the first pass is through;
   * after that it goes on by itself.
   */
  start(signal: AbortSignal): Promise<void>;
  /** In a shutdown, once `start`'s signal has ended: takes this server out of the `kubernetes` Service's endpoints. */
  leave(): Promise<void>;
}

export interface RegistryOptions {
  readonly store: PeekableStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An IPv4 range such as 10.96.0.0/16. */
  readonly serviceClusterIpRange: string;
  /** Such as 30000-32767. */
  readonly serviceNodePortRange: string;
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  /** The admission plugins of the table that are left out. */
  readonly disabledPlugins?: ReadonlySet<string>;
  /** Admission plugins that come from outside of the registry. */
  readonly morePlugins?: readonly AdmissionPlugin[];
  /** How webhooks are reached; without it, those that are named by a Service are not. */
  readonly webhooks?: WebhookClient;
  /** Who says what users may do, for the expressions of webhooks and policies. */
  readonly judge?: Judge;
  /** Questions that are answered and not stored. */
  readonly reviews?: readonly Review[];
  /** How long events are kept, as Kubernetes' --event-ttl; an hour unless given. */
  readonly eventTtlMs?: number;
  /** Which API server this is, also after a restart; where it is given, a Lease shows it. */
  readonly identity?: Identity;
  /** Where this API server can be reached; a function, because an address may change while the server runs. */
  readonly advertise: () => { readonly address: string; readonly port: number };
}

const serviceCidrs = listPrefix(kinds.servicecidrs.resource);

/** Throws an Error for a range that cannot be read. */
export function createRegistry(options: RegistryOptions): Registry {
  const { store, clock, logger, eventTtlMs = 3_600_000 } = options;
  const ownRange = parseAddressRange(options.serviceClusterIpRange);
  const nodePorts = parsePortRange(options.serviceNodePortRange);
  const admission = createAdmission({
    ...options,
    objects: objectsOf(store),
    equivalents: (kind) => builtinEquivalents.get(kind) ?? custom.equivalents(kind),
    params: paramReader((apiVersion, kind) => {
      const isIt = (row: Kind): boolean => row.kind === kind && apiVersionOf(row) === apiVersion;
      const row = custom.kinds.find(isIt);
      return row ? custom.get(nameOf(row)) : all.find((resource) => isIt(resource.kind));
    }),
  });
  const strategies = createStrategies({
    addresses: liveRanges(() => store.peek(serviceCidrs), ownRange),
    nodePorts,
    resources: (kind) => of(kind),
  });
  const resources = strategies.flatMap((strategy): Resource[] => {
    const parts = { store, admission, clock };
    const { kind, versions = [] } = strategy;
    const others = versions.map((version) => {
      const { kind, fromStored: shown, toStored: kept } = version;
      const conversions = { kind, storageVersion: apiVersionOf(strategy.kind), completesOwn: false, shown, kept };
      const versioned = new VersionedStore(store, conversions);
      return new GenericResource({ ...parts, strategy: strategyIn(strategy, version), store: versioned });
    });
    if (others.length === 0) return [new GenericResource({ ...parts, strategy })];
    return [
      new GenericResource({ ...parts, strategy: { ...strategy, otherVersions: otherVersionsOf(strategy, kind) } }),
      ...others,
    ];
  });
  const builtinEquivalents = new Map(
    strategies.flatMap((strategy) =>
      [strategy, ...(strategy.versions ?? [])].map(({ kind }) => [kind, equivalentsOf(strategy, kind)] as const),
    ),
  );
  const reviews = (options.reviews ?? []).map((review) => new ReviewResource(review, admission));
  const custom = new CustomKinds({ store, admission, clock, logger, webhooks: options.webhooks });
  const of = (wanted: Kind): Resource => {
    const found = resources.find(({ kind }) => kind === wanted);
    if (!found) throw new Error(`the table of strategies lacks ${wanted.resource}`);
    return found;
  };
  const bindings = new ReviewResource(bindingReview(of(kinds.pods)), admission);
  const unstored = [bindings, new ComponentStatuses(store, clock)];
  const all: readonly Resource[] = [...resources, ...unstored, ...reviews];
  const byName = new Map(all.map((resource) => [nameOf(resource.kind), resource]));
  const [events, definitions] = [of(kinds.events), of(kinds.customresourcedefinitions)];
  const [services, ipAddresses, leases] = [of(kinds.services), of(kinds.ipaddresses), of(kinds.leases)];
  const registry: Registry = {
    admission,
    all,
    get customKinds() {
      return custom.kinds;
    },
    resource(group, version, resource) {
      const name = nameOf({ group, version, resource });
      return byName.get(name) ?? custom.get(name);
    },
    catchUp: () => custom.catchUp(),
    async start(signal) {
      // It ends with the signal and handles its own errors.
      void admission.run(signal);
      void custom.run(signal);
      await bootstrap.start(signal);
      // They end with the signal and handle their own errors.
      void runDefinitions({ custom, definitions, store, clock, logger }, systemContext(signal));
      // It ends with the signal and handles its own errors.
      void expireEvents({ events, clock, logger, ttlMs: eventTtlMs }, systemContext(signal));
      const { identity } = options;
      // It ends with the signal and handles its own errors.
      if (identity) void keepIdentityLease({ leases, clock, logger, ...identity }, systemContext(signal));
      // It ends with the signal and handles its own errors.
      void keepServiceAddresses({ services, addresses: ipAddresses, clock, logger }, systemContext(signal));
    },
    leave: () => bootstrap.leave(),
  };
  const bootstrap = new Bootstrap({
    ...options,
    resources: all,
    firstAddress: ownRange.first,
    serviceRange: ownRange.cidr,
  });
  return registry;
}

/** For admission: the ways to the other versions of a kind, and back. */
function equivalentsOf(strategy: Strategy, kind: Kind): Equivalent[] {
  return [...(otherVersionsOf(strategy, kind)?.values() ?? [])].map((other) => ({ ...other, to: other.of }));
}

/** `POST bindings`, the older way to what `pods/binding` does. */
const bindingReview = (pods: Resource): Review => ({
  kind: unstoredKinds.bindings,
  answer(ctx, namespace = '', binding) {
    return pods.createSubresource(ctx, { namespace, name: binding.metadata?.name ?? '' }, 'binding', binding);
  },
});
