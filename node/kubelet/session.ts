/**
 * A kubelet's work with one client certificate: from the registration of the Node to the end of its connections. What runs on
 * the node outlives it.
 */
import { Client } from '../../master/api/client.ts';
import { type Clock, sleep } from '../../master/api/clock.ts';
import type { ClientConfig } from '../../master/api/config.ts';
import { EventRecorder } from '../../master/api/events.ts';
import { Informer } from '../../master/api/informer.ts';
import { kinds } from '../../master/api/kinds.ts';
import type { Logger } from '../../master/api/logging.ts';
import type { Node, Pod } from '../../master/api/types.ts';
import type { ClientIdentity } from '../certificates/client-identity.ts';
import type { ImageInfo, Runtime, RuntimePod } from '../runtime/runtime.ts';
import type { KubeletMetrics } from './metrics.ts';
import { availableMemory, diskOf } from './node/machine.ts';
import type { NodeIdentity } from './node/node-object.ts';
import { NodeReporter } from './node/node-reporter.ts';
import { BackOff, type BackOffOptions } from './pods/back-off.ts';
import type { ClusterNames, Resolver } from './pods/dns.ts';
import { ImagePuller } from './pods/image-puller.ts';
import { LifecycleEvents } from './pods/lifecycle-events.ts';
import { ObjectCache } from './pods/object-cache.ts';
import { fieldPathOf, hasFinished } from './pods/pod.ts';
import { PodSyncer, type PodTell } from './pods/pod-syncer.ts';
import { PodWorkers } from './pods/pod-workers.ts';
import { StatusWriter } from './pods/status-writer.ts';
import { Prober } from './probes/prober.ts';
import { serve } from './serve.ts';
import { Claims, claimReader } from './volumes/claims.ts';
import { PodTokens, requestFrom } from './volumes/pod-tokens.ts';
import { Volumes } from './volumes/volumes.ts';

/** An engine that starts again must not make the node unready: its containers outlive it. */
const engineGraceMs = 15_000;
const networkRetryMs = 1_000;
const noNetwork =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: the node has no podCIDR yet';

export interface KubeletOptions {
  readonly identity: NodeIdentity;
  readonly clientIdentity: ClientIdentity;
  readonly runtime: Runtime;
  readonly rootDirectory: string;
  /** Where the serving certificate is kept. */
  readonly servingCertificatePath: string;
  readonly server: { readonly host: string; readonly port: number; readonly clientCa: string } | undefined;
  /** How names are resolved on the node, where pods can do the same, and in the cluster. */
  readonly names: { readonly node: Resolver | undefined } & ClusterNames;
  readonly relistMs: number;
  readonly statusUpdateMs: number;
  readonly statusReportMs: number;
  readonly leaseRenewMs: number;
  readonly leaseDurationSeconds: number;
  readonly restartBackOff: BackOffOptions;
  readonly metrics: KubeletMetrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly configz: () => unknown;
}

export class Session {
  readonly #options: KubeletOptions;
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #pods: Informer<'pods'>;
  readonly #nodes: Informer<'nodes'>;
  readonly #services: Informer<'services'> | undefined;
  readonly #reporter: NodeReporter;
  readonly #workers: PodWorkers;
  readonly #statuses: StatusWriter;
  readonly #prober: Prober;
  readonly #objects: ObjectCache;
  readonly #volumes: Volumes;
  readonly #lifecycle: LifecycleEvents;
  readonly #stop = new AbortController();
  #podCidr: string | undefined;
  #network: Promise<void> = Promise.resolve();
  /** What the engine last said of itself. */
  #engine: { seenAt: number; runtimeVersion: string; images: ImageInfo[] } = {
    seenAt: Number.NEGATIVE_INFINITY,
    runtimeVersion: '',
    images: [],
  };

  constructor(options: KubeletOptions, clock: Clock, config: ClientConfig) {
    const { identity, runtime, logger, metrics } = options;
    this.#options = options;
    this.#clock = clock;
    this.#client = new Client(config, { userAgent: 'kubelet' });
    this.#recorder = new EventRecorder(this.#client, { component: 'kubelet', host: identity.name }, logger);
    this.#pods = new Informer(this.#client, 'pods', { fieldSelector: `spec.nodeName=${identity.name}`, logger });
    this.#nodes = new Informer(this.#client, 'nodes', { fieldSelector: `metadata.name=${identity.name}`, logger });
    if (runtime.real) this.#services = new Informer(this.#client, 'services', { logger });
    this.#reporter = new NodeReporter({
      client: this.#client,
      clock,
      logger,
      identity,
      seen: () => this.#nodes.get(identity.name),
      adopted: (node) => this.#usePodCidr(node),
      findings: () => this.#findings(),
      updateMs: options.statusUpdateMs,
      reportMs: options.statusReportMs,
      leaseRenewMs: options.leaseRenewMs,
      leaseDurationSeconds: options.leaseDurationSeconds,
      readyChanged: (node, ready) => this.#readyChanged(node, ready),
      leaseRenewalFailed: () => metrics.leaseFailures.inc(),
    });
    const poke = (uid: string): void => this.#workers.poke(uid);
    const tell: PodTell = (pod, container, type, reason, message) =>
      this.#recorder.event(pod, kinds.pods, type, reason, message, container && fieldPathOf(pod, container));
    this.#statuses = new StatusWriter({ client: this.#client, logger, clock });
    this.#objects = new ObjectCache({ client: this.#client, logger, changed: poke });
    this.#volumes = new Volumes({ rootDirectory: options.rootDirectory, clusterDomain: options.names.domain, logger });
    this.#prober = new Prober({
      runtime,
      clock,
      changed: poke,
      warn: (pod, { name }, reason, message) => tell(pod, name, 'Warning', reason, message),
      hostIp: () => identity.ip,
    });
    const syncer = new PodSyncer({
      client: this.#client,
      runtime,
      runtimeName: runtime.real ? 'docker' : 'simulated',
      clock,
      logger,
      volumes: this.#volumes,
      objects: this.#objects,
      tokens: new PodTokens({ request: requestFrom(this.#client), clock, logger }),
      claims: new Claims(claimReader(this.#client)),
      prober: this.#prober,
      statuses: this.#statuses,
      puller: new ImagePuller({ runtime, clock, signal: this.#stop.signal }),
      facts: {
        node: () => this.#reporter.node,
        hostIp: () => identity.ip,
        services: () => this.#services?.list() ?? [],
      },
      tell,
      networkReady: () => this.#podCidr !== undefined,
      admitted: () => this.#admitted(),
      restartBackOff: new BackOff(options.restartBackOff),
      names: () => {
        const { node, servers, domain } = options.names;
        return { node, cluster: { domain, servers: servers.length > 0 ? servers : this.#clusterDns() } };
      },
    });
    this.#workers = new PodWorkers({
      clock,
      logger,
      sync: async (work, signal) => {
        const startedAt = clock.elapsed();
        try {
          return await syncer.sync(work, signal);
        } catch (error) {
          if (!signal.aborted) metrics.podSyncErrors.inc();
          throw error;
        } finally {
          metrics.podSyncSeconds.observe((clock.elapsed() - startedAt) / 1000);
        }
      },
    });
    this.#lifecycle = new LifecycleEvents({
      runtime,
      clock,
      logger,
      relistMs: options.relistMs,
      changed: poke,
      listed: (pods, tookMs) => this.#listed(pods, tookMs),
    });
  }

  check(): void {
    this.#lifecycle.check();
  }

  async run(outer: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([outer, this.#stop.signal]);
    const { identity, logger } = this.#options;
    try {
      await this.#findRuntime(signal);
      const background = [this.#nodes.run(signal), this.#statuses.run(signal)];
      this.#nodes.addHandler({
        added: (node) => this.#nodeSeen(node),
        updated: (_, node) => this.#nodeSeen(node),
        deleted: () => this.#reporter.lost(),
      });
      await this.#reporter.register(signal);
      this.#watchPods(signal, background);
      background.push(
        this.#reporter.run(signal),
        this.#lifecycle.run(signal),
        this.#clean(signal),
        this.#serve(signal),
      );
      logger.info({ node: identity.name }, 'running');
      await Promise.all(background);
    } finally {
      this.#stop.abort();
      await this.#workers.close();
      this.#prober.close();
      this.#objects.close();
      await this.#recorder.flush().catch(() => {});
      await this.#client.close();
    }
  }

  #watchPods(signal: AbortSignal, background: Promise<void>[]): void {
    if (this.#services) background.push(this.#services.run(signal));
    this.#pods.addHandler({
      added: (pod) => this.#workers.set(pod),
      updated: (_, pod) => this.#workers.set(pod),
      deleted: (pod) => this.#workers.gone(pod),
    });
    // Containers that start before the services are known would lack their variables.
    const first = this.#services ? Promise.race([this.#services.synced, sleep(5_000, signal)]) : Promise.resolve();
    background.push(first.then(() => this.#pods.run(signal)));
  }

  /** Waits for the engine: without it there is nothing to report. */
  async #findRuntime(signal: AbortSignal): Promise<void> {
    const { runtime, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await runtime.version();
        return;
      } catch (error) {
        logger.debug({ err: error }, 'the container engine does not answer yet');
        await sleep(100, signal);
      }
    }
  }

  #nodeSeen(node: Node): void {
    this.#usePodCidr(node).then(
      () => {},
      (error: unknown) => this.#options.logger.error({ err: error }, 'the pod network cannot be made'),
    );
  }

  /** Makes the pod network once the Node has its range, and again when the range is another one. */
  #usePodCidr(node: Node): Promise<void> {
    // One after the other: an engine makes one network once.
    this.#network = this.#network.then(() => this.#makeNetwork(node));
    return this.#network;
  }

  async #makeNetwork(node: Node): Promise<void> {
    const cidr = node.spec?.podCIDR;
    const { runtime, logger, identity } = this.#options;
    if (!cidr || cidr === this.#podCidr) return;
    try {
      await runtime.setPodCidr(cidr);
    } catch (error) {
      logger.warn({ err: error, cidr }, 'the pod network cannot be made, trying again');
      await sleep(networkRetryMs, this.#stop.signal);
      if (!this.#stop.signal.aborted) await this.#makeNetwork(this.#nodes.get(identity.name) ?? node);
      return;
    }
    logger.info({ cidr }, 'the pod network is ready');
    this.#podCidr = cidr;
    this.#reporter.poke();
    this.#workers.pokeAll();
  }

  async #findings(): ReturnType<ConstructorParameters<typeof NodeReporter>[0]['findings']> {
    const { runtime, rootDirectory } = this.#options;
    const disk = await diskOf(rootDirectory).catch(() => ({ total: 0, free: 0 }));
    const memory = runtime.real ? availableMemory() : Number.POSITIVE_INFINITY;
    try {
      const [{ name, version }, images] = await Promise.all([runtime.version(), runtime.images()]);
      this.#engine = { seenAt: this.#clock.elapsed(), runtimeVersion: `${name}://${version}`, images };
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the container engine does not answer');
    }
    const { seenAt, ...engine } = this.#engine;
    const down = this.#clock.elapsed() - seenAt > engineGraceMs ? 'container runtime is down' : undefined;
    const trouble = down ?? (this.#podCidr === undefined ? noNetwork : undefined);
    return { ...engine, disk, availableMemoryBytes: memory, trouble };
  }

  #readyChanged(node: Node, ready: boolean): void {
    const { name } = this.#options.identity;
    const state = ready ? 'NodeReady' : 'NodeNotReady';
    this.#recorder.event(node, kinds.nodes, 'Normal', state, `Node ${name} status is now: ${state}`);
  }

  /** The addresses of the Service by which add-ons give a cluster its DNS. */
  #clusterDns(): string[] {
    const { clusterIPs = [] } = this.#services?.get('kube-system/kube-dns')?.spec ?? {};
    return clusterIPs.filter((ip) => ip !== 'None');
  }

  #admitted(): Pod[] {
    return this.#workers
      .all()
      .filter(({ pod, gone, memory }) => pod && !gone && memory.admitted && !memory.removed && !hasFinished(pod))
      .map(({ pod }) => pod)
      .filter((pod) => pod !== undefined);
  }

  /** What the runtime has of pods that the API does not have goes; only a complete list from the API can say that. */
  #listed(pods: readonly RuntimePod[], tookMs: number): void {
    const { metrics } = this.#options;
    metrics.relistSeconds.observe(tookMs / 1000);
    metrics.runningPods.set(pods.filter(({ sandboxes }) => sandboxes.some(({ ready }) => ready)).length);
    const states = pods.flatMap(({ containers }) => containers.map(({ state }) => state));
    for (const state of ['created', 'running', 'exited'] as const) {
      metrics.runningContainers.set({ container_state: state }, states.filter((other) => other === state).length);
    }
    if (!this.#pods.hasSynced) return;
    for (const { pod } of pods) this.#workers.orphan(pod.uid);
  }

  /** Once the API's pods are known: directories of pods that neither the API nor the runtime has. */
  async #clean(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#pods.synced, sleep(2 ** 31 - 1, signal)]);
    if (signal.aborted || !this.#options.runtime.real) return;
    const running = new Set((await this.#options.runtime.listPods().catch(() => undefined))?.map(({ pod }) => pod.uid));
    for (const uid of await this.#volumes.known()) {
      if (this.#workers.has(uid) || running.has(uid)) continue;
      await this.#volumes.tearDown(uid).catch((error: unknown) => {
        this.#options.logger.warn({ err: error, uid }, "a pod's old directory cannot be removed");
      });
    }
    for (const uid of running) this.#workers.orphan(uid);
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const { server, identity, runtime, metrics, logger, rootDirectory, configz, servingCertificatePath } =
      this.#options;
    if (!server) return;
    const pods = (): Pod[] => this.#pods.list();
    const options = {
      ...server,
      client: this.#client,
      clock: this.#clock,
      certificatePath: servingCertificatePath,
      identity,
      runtime,
      metrics: metrics.registry,
      logger,
      pods,
      pod: (namespace: string, name: string) => this.#pods.get(`${namespace}/${name}`),
      stats: { nodeName: identity.name, machine: identity.machine, rootDirectory, runtime, pods },
      healthz: () => this.check(),
      configz,
    };
    await serve(options, signal);
  }
}
