/**
 * A kubelet: the agent of one node. It registers the Node, runs the pods that are bound to it, and tells how they are.
 *
 * Guarantees:
 * - pods are the API's to give and to take: they run on while it is unreachable, and after a restart of the kubelet;
 * - what runs of a pod that the API does not have (any more) is removed, as soon as the API has said so;
 * - nothing that does not carry this node's label is touched.
 *
 * Parts, each in its folder: certificates (who the node is), node (Node and Lease), pods (from the watch to containers and
 * back to statuses), volumes, probes, server. This file only wires them.
 */
import { type Clock, systemClock } from '../../master/api/clock.ts';
import type { Logger } from '../../master/api/logging.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ClientIdentity } from './certificates/client-identity.ts';
import type { KubeletMetrics } from './metrics.ts';
import type { NodeIdentity } from './node/node-object.ts';
import type { BackOffOptions } from './pods/back-off.ts';
import { Session } from './session.ts';

export interface KubeletOptions {
  readonly identity: NodeIdentity;
  readonly clientIdentity: ClientIdentity;
  readonly runtime: Runtime;
  readonly rootDirectory: string;
  /** Where the serving certificate is kept. */
  readonly servingCertificatePath: string;
  readonly server: { readonly host: string; readonly port: number; readonly clientCa: string } | undefined;
  readonly resolvConf?: string;
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

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #clock: Clock;
  #session: Session | undefined;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Throws when the kubelet is stuck. */
  check(): void {
    this.#session?.check();
  }

  /**
   * Works until the signal is aborted; pods are left running. With each new client certificate the kubelet takes up its
   * work anew, as after a restart: its connections are the certificate's. It registers its node only once `prepared` is over.
   */
  async run(signal: AbortSignal, prepared: Promise<void> = Promise.resolve()): Promise<void> {
    const { clientIdentity, logger } = this.#options;
    while (!signal.aborted) {
      const identity = await clientIdentity.obtain(signal);
      if (!identity) return;
      await prepared;
      const renewed = new AbortController();
      const session = new Session(this.#options, this.#clock, identity.config);
      this.#session = session;
      const renewing = clientIdentity.renew(identity, AbortSignal.any([signal, renewed.signal])).then((done) => {
        if (done) logger.info('the client certificate was renewed: connecting anew');
        renewed.abort();
      });
      await session.run(AbortSignal.any([signal, renewed.signal]));
      renewed.abort();
      await renewing;
    }
  }
}
