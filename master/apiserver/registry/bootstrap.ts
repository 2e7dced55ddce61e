/**
 * What a cluster has from the start, and the way to its API servers: the system's namespaces, the Service `kubernetes`, and
 * behind it the addresses of the API servers that live.
 *
 * Every API server does all of this, and all may do it at once. Each says that it lives by renewing a key of its own
 * (`/registry/masterleases/<address>:<port>`, much as in Kubernetes); whoever sees that one was not renewed in time leaves its address out.
 */
import { type Clock, sleep } from '../../api/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { deepEqual, nowSeconds } from '../../api/meta.ts';
import type {
  EndpointSlice,
  Endpoints,
  KubeObject,
  Namespace,
  ResourceName,
  Service,
  ServiceCIDR,
} from '../../api/types.ts';
import { KeyExists, RevisionMismatch } from '../store/errors.ts';
import { consistent, type Store } from '../store/types.ts';
import { addressText } from './allocation/ranges.ts';
import { firstObjects, firstRange, rangeName } from './bootstrap-objects.ts';
import { type RequestContext, systemContext } from './context.ts';
import type { Resource } from './resource.ts';

export interface BootstrapOptions {
  /** All that is served from the start. */
  readonly resources: readonly Resource[];
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly advertise: () => { readonly address: string; readonly port: number };
  /** The first address of the range of Services: the cluster's own way to its API. */
  readonly firstAddress: number;
  /** The range of the addresses of Services, as a CIDR. */
  readonly serviceRange: string;
}

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const serviceName = 'kubernetes';
const leasePrefix = '/registry/masterleases/';
const renewMs = 3_000;
const leaseMs = 10_000;
const retryMs = 500;

export class Bootstrap {
  readonly #options: BootstrapOptions;

  constructor(options: BootstrapOptions) {
    this.#options = options;
  }

  /** Resolves after the first complete pass, and goes on until `signal` ends. */
  async start(signal: AbortSignal): Promise<void> {
    const { logger, clock } = this.#options;
    const ctx = systemContext(signal);
    for (;;) {
      try {
        await this.#createAll(ctx);
        await this.#reconcile(ctx);
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'the cluster has not all of its beginnings yet');
        await sleep(retryMs, signal, clock);
      }
    }
    // It ends with the signal and handles its own errors.
    void this.#keepUp(ctx, signal);
  }

  /** Takes this server's address out of the endpoints, so that nobody is sent to it any more. Call after `signal` ended. */
  async leave(): Promise<void> {
    const { store, advertise } = this.#options;
    const key = `${leasePrefix}${textOf(advertise())}`;
    const lease = await store.get(key, consistent);
    if (lease) await this.#forget(key, lease.revision);
    const others = await this.#liveServers();
    if (others.length > 0) await this.#writeAddresses(systemContext(new AbortController().signal), others);
  }

  async #keepUp(ctx: RequestContext, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (;;) {
      await sleep(renewMs, signal, clock);
      if (signal.aborted) return;
      try {
        await this.#reconcile(ctx);
      } catch (error) {
        logger.warn({ err: error }, 'the addresses of the API servers could not be kept up');
      }
    }
  }

  async #createAll(ctx: RequestContext): Promise<void> {
    for (const name of systemNamespaces) {
      const namespace: Namespace = { metadata: { name } };
      await this.#createOnce(ctx, 'namespaces', undefined, namespace);
    }
    const clusterIP = addressText(this.#options.firstAddress);
    const { port } = this.#options.advertise();
    const service: Service = {
      metadata: { name: serviceName, namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP,
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
        sessionAffinity: 'None',
      },
    };
    await this.#createOnce(ctx, 'services', 'default', service);
    const first = firstObjects(this.#options.resources.map(({ kind }) => kind));
    await Promise.all(first.map(([resource, object]) => this.#createOnce(ctx, resource, undefined, object)));
  }

  /** Keeps the cluster's range there; says of a new one that addresses are given out of it. */
  async #keepRange(ctx: RequestContext): Promise<void> {
    await this.#createOnce(ctx, 'servicecidrs', undefined, firstRange(this.#options.serviceRange));
    const verbs = this.#resource('servicecidrs');
    const present: ServiceCIDR = (await verbs.get(ctx, { name: rangeName }, {})).object;
    // The controller of ServiceCIDRs has the say from then on.
    if (present.metadata?.deletionTimestamp || present.status?.conditions?.some(({ type }) => type === 'Ready')) return;
    const lastTransitionTime = nowSeconds(this.#options.clock.now());
    const message = 'Kubernetes Service CIDR is ready';
    const ready = { type: 'Ready', status: 'True', reason: '', message, lastTransitionTime };
    try {
      await verbs.update(
        ctx,
        { name: rangeName },
        structuredClone({ ...present, status: { conditions: [ready] } }),
        'status',
      );
    } catch (error) {
      // Another server has said so, or somebody deletes it.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }

  async #createOnce(
    ctx: RequestContext,
    resource: ResourceName,
    namespace: string | undefined,
    object: KubeObject,
  ): Promise<void> {
    const name = object.metadata?.name ?? '';
    const verbs = this.#resource(resource);
    try {
      await verbs.get(ctx, namespace === undefined ? { name } : { namespace, name }, { resourceVersion: '0' });
      return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      await verbs.create(ctx, namespace, object);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }

  /** Says that this server lives, makes the endpoints those of all servers that do, and keeps the range of addresses. */
  async #reconcile(ctx: RequestContext): Promise<void> {
    const own = textOf(this.#options.advertise());
    await this.#renew(own);
    await this.#writeAddresses(ctx, await this.#liveServers(own));
    await this.#keepRange(ctx);
  }

  async #renew(server: string): Promise<void> {
    const { store, clock } = this.#options;
    const key = `${leasePrefix}${server}`;
    const lease: MasterLease = { renewTime: new Date(clock.now()).toISOString() };
    try {
      const old = await store.get(key, consistent);
      if (old) await store.update(key, lease, old.revision);
      else await store.create(key, lease);
    } catch (error) {
      // Another renewal of the same address: as good as this one.
      if (!(error instanceof KeyExists) && !(error instanceof RevisionMismatch)) throw error;
    }
  }

  /** The servers that were renewed in time, as `<address>:<port>`. A key that has been old for long is removed. */
  async #liveServers(own?: string): Promise<string[]> {
    const { store, clock } = this.#options;
    const { items } = await store.list(leasePrefix, consistent);
    const live = new Set(own === undefined ? [] : [own]);
    for (const { key, object, revision } of items) {
      const age = clock.now() - renewTimeOf(object);
      if (age <= leaseMs) live.add(key.slice(leasePrefix.length));
      else if (age > 4 * leaseMs) await this.#forget(key, revision);
    }
    return [...live].sort();
  }

  async #forget(key: string, revision: number): Promise<void> {
    try {
      await this.#options.store.delete(key, revision);
    } catch (error) {
      if (!(error instanceof RevisionMismatch)) throw error;
    }
  }

  /**
   * Servers may differ in their port (on one machine they must): Endpoints show each port's addresses by themselves, the
   * one EndpointSlice those of the lowest port, so that all servers write the same.
   */
  async #writeAddresses(ctx: RequestContext, servers: readonly string[]): Promise<void> {
    const byPort = addressesByPort(servers);
    const subsets: Endpoints['subsets'] = byPort.map(([port, addresses]) => ({
      addresses: addresses.map((ip) => ({ ip })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    }));
    const endpoints: Endpoints = {
      metadata: objectMeta({ 'endpointslice.kubernetes.io/skip-mirror': 'true' }),
      subsets,
    };
    await this.#write(ctx, 'endpoints', endpoints, (old: Endpoints) => deepEqual(old.subsets, subsets));

    const [first] = byPort;
    if (!first) return;
    const [port, addresses] = first;
    const slice: EndpointSlice = {
      metadata: objectMeta({ 'kubernetes.io/service-name': serviceName }),
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
      ports: [{ name: 'https', port, protocol: 'TCP' }],
    };
    await this.#write(ctx, 'endpointslices', slice, (old: EndpointSlice) => {
      return deepEqual(old.endpoints, slice.endpoints) && deepEqual(old.ports, slice.ports);
    });
  }

  async #write<T extends KubeObject>(
    ctx: RequestContext,
    resource: ResourceName,
    object: T,
    same: (old: T) => boolean,
  ): Promise<void> {
    const verbs = this.#resource(resource);
    const name = { namespace: 'default', name: serviceName };
    try {
      const { object: old } = await verbs.get(ctx, name, {});
      if (isLike(old, object) && same(old)) return;
      await verbs.update(ctx, name, {
        ...object,
        metadata: { ...object.metadata, resourceVersion: old.metadata?.resourceVersion ?? '' },
      });
    } catch (error) {
      if (isNotFound(error)) await this.#createOnce(ctx, resource, 'default', object);
      // Another server wrote meanwhile; the next pass looks again.
      else if (!isConflict(error)) throw error;
    }
  }

  #resource(name: ResourceName): Resource {
    const found = this.#options.resources.find(({ kind }) => kind.resource === name);
    if (!found) throw new Error(`the registry lacks ${name}`);
    return found;
  }
}

const textOf = ({ address, port }: { address: string; port: number }): string => `${address}:${port}`;

/** The addresses of each port, the lowest port first. */
function addressesByPort(servers: readonly string[]): [port: number, addresses: string[]][] {
  const byPort = new Map<number, string[]>();
  for (const server of servers) {
    const colon = server.lastIndexOf(':');
    const port = Number(server.slice(colon + 1));
    byPort.set(port, [...(byPort.get(port) ?? []), server.slice(0, colon)]);
  }
  return [...byPort].sort(([a], [b]) => a - b);
}

interface MasterLease extends KubeObject {
  renewTime: string;
}

function renewTimeOf(lease: KubeObject): number {
  return 'renewTime' in lease && typeof lease.renewTime === 'string' ? Date.parse(lease.renewTime) : 0;
}

/** What is stored under a resource is of its type; this only tells the compiler so. */
function isLike<T extends KubeObject>(stored: KubeObject, _example: T): stored is T {
  return stored.metadata !== undefined;
}

function objectMeta(labels: Record<string, string>): KubeObject['metadata'] {
  return { name: serviceName, namespace: 'default', labels };
}
