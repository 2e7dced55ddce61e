/**
 * Registers the Node, reports its status and keeps its Lease: how the control plane knows that this node is alive.
 *
 * Guarantees: a change of readiness is told at once; the Lease is renewed on its own, so that a slow status never looks like a
 * dead node; a Node that somebody deleted is registered again.
 */
import type { Client } from '../../../master/api/client.ts';
import { type Clock, sleep } from '../../../master/api/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../../master/api/errors.ts';
import type { Logger } from '../../../master/api/logging.ts';
import { deepEqual, getCondition, nowMicros } from '../../../master/api/meta.ts';
import type { Lease, Node } from '../../../master/api/types.ts';
import { type NodeFindings, type NodeIdentity, newNode, nodeStatus, ownLabels } from './node-object.ts';

export interface NodeReporterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: NodeIdentity;
  /** The newest Node from the watch, if it has been seen. */
  readonly seen: () => Node | undefined;
  /** Told of the registered Node before its first report, so that a restart does not make the node look unready. */
  readonly adopted: (node: Node) => Promise<void>;
  readonly findings: () => Promise<Omit<NodeFindings, 'now'>>;
  /** How often the status is computed. */
  readonly updateMs: number;
  /** How often it is written although nothing changed. */
  readonly reportMs: number;
  readonly leaseRenewMs: number;
  readonly leaseDurationSeconds: number;
  /** Told when the condition Ready has changed, and when it is true at the first report. */
  readonly readyChanged: (node: Node, ready: boolean) => void;
  readonly leaseRenewalFailed: () => void;
}

const firstRetryMs = 200;
const longestRetryMs = 5_000;
const leaseNamespace = 'kube-node-lease';

export class NodeReporter {
  readonly #options: NodeReporterOptions;
  #node: Node | undefined;
  #ready: boolean | undefined;
  #lastReport = Number.NEGATIVE_INFINITY;
  #wake = new AbortController();

  constructor(options: NodeReporterOptions) {
    this.#options = options;
  }

  /** The Node as last seen or written; undefined before it is registered. */
  get node(): Node | undefined {
    return this.#options.seen() ?? this.#node;
  }

  /** Resolves when the Node exists and has its first status. Keeps trying until then. */
  async register(signal: AbortSignal): Promise<void> {
    const { clock, logger, identity } = this.#options;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      try {
        this.#node = await this.#createOrAdopt();
        await this.#options.adopted(this.#node);
        await this.#report(true);
        logger.info({ node: identity.name }, 'registered');
        return;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'cannot register the node, trying again');
        await sleep(retryMs, signal, clock);
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  /** Reports until the signal is aborted. The Node must have been registered. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#reportLoop(signal), this.#leaseLoop(signal)]);
  }

  /** Something about the node has changed: compute its status now. */
  poke(): void {
    this.#wake.abort();
  }

  /** Somebody deleted the Node: the next report is due now, and registers it again. */
  lost(): void {
    this.#lastReport = Number.NEGATIVE_INFINITY;
    this.poke();
  }

  async #reportLoop(signal: AbortSignal): Promise<void> {
    const { clock, logger, updateMs } = this.#options;
    let retryMs = firstRetryMs;
    let waitMs = updateMs;
    while (!signal.aborted) {
      await sleep(waitMs, AbortSignal.any([signal, this.#wake.signal]), clock);
      if (signal.aborted) return;
      this.#wake = new AbortController();
      try {
        await this.#report(false);
        retryMs = firstRetryMs;
        waitMs = updateMs;
      } catch (error) {
        if (isNotFound(error)) await this.register(signal);
        else logger.warn({ err: error }, "cannot report the node's status, trying again");
        waitMs = retryMs;
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
    }
  }

  async #report(always: boolean): Promise<void> {
    const { clock, client, identity, findings, reportMs, readyChanged } = this.#options;
    const previous = this.node;
    const found = await findings();
    const now = clock.now();
    const elapsedMs = clock.elapsed();
    const status = nodeStatus(identity, { ...found, now }, previous?.status);
    const changed = !deepEqual(withoutHeartbeats(status), withoutHeartbeats(previous?.status, status));
    if (always || changed || elapsedMs - this.#lastReport >= reportMs) {
      this.#node = await client.patch(
        'nodes',
        { name: identity.name },
        { status },
        { type: 'merge', subresource: 'status' },
      );
      this.#lastReport = elapsedMs;
    }
    const ready = getCondition(status.conditions, 'Ready')?.status === 'True';
    if ((this.#ready ?? false) !== ready && this.#node) readyChanged(this.#node, ready);
    this.#ready = ready;
  }

  async #createOrAdopt(): Promise<Node> {
    const { client, identity } = this.#options;
    const wanted = newNode(identity);
    try {
      return await client.create('nodes', wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    const existing = await client.get('nodes', { name: identity.name });
    const labels = ownLabels(identity);
    const current = existing.metadata?.labels ?? {};
    if (Object.entries(labels).every(([name, value]) => current[name] === value)) return existing;
    return await client.patch('nodes', { name: identity.name }, { metadata: { labels } }, { type: 'merge' });
  }

  async #leaseLoop(signal: AbortSignal): Promise<void> {
    const { clock, logger, leaseRenewMs, leaseRenewalFailed } = this.#options;
    let lease: Lease | undefined;
    while (!signal.aborted) {
      const startedAt = clock.elapsed();
      try {
        lease = await this.#renew(lease, signal).catch((error: unknown) => {
          // An earlier renewal may have gone through although its answer was lost: the lease as it is now is good.
          if (lease && (isConflict(error) || isNotFound(error))) return this.#renew(undefined, signal);
          throw error;
        });
      } catch (error) {
        if (signal.aborted) return;
        leaseRenewalFailed();
        logger.warn({ err: error }, "cannot renew the node's lease");
        if (isConflict(error) || isNotFound(error)) lease = undefined;
      }
      await sleep(Math.max(0, leaseRenewMs - (clock.elapsed() - startedAt)), signal, clock);
    }
  }

  async #renew(held: Lease | undefined, signal: AbortSignal): Promise<Lease> {
    const { client, clock, identity, leaseDurationSeconds, leaseRenewMs } = this.#options;
    const name = { namespace: leaseNamespace, name: identity.name };
    const limits = { signal, timeoutMs: Math.max(leaseRenewMs, 1_000) };
    const spec = {
      holderIdentity: identity.name,
      leaseDurationSeconds,
      renewTime: nowMicros(clock.now()),
    };
    // The Lease goes with its Node; a Node that was registered again is another one.
    const uid = this.node?.metadata?.uid ?? '';
    const metadata = { ...name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: identity.name, uid }] };
    const current = held ?? (await client.get('leases', name, limits).catch(notThere));
    if (!current) return await client.create('leases', { metadata, spec }, limits);
    const next = { ...current, metadata: { ...current.metadata, ...metadata }, spec: { ...current.spec, ...spec } };
    return await client.update('leases', next, limits);
  }
}

function notThere(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}

type Status = NonNullable<Node['status']>;

/** What counts as a change: without the times of heartbeats, and only the fields that the kubelet itself reports. */
function withoutHeartbeats(status: Status | undefined, like: Status | undefined = status): unknown {
  if (!status || !like) return undefined;
  const own = Object.keys(like).map((field) => [field, Reflect.get(status, field)]);
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...rest }) => rest);
  return { ...Object.fromEntries(own), conditions };
}
