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
import { type KubeletOptions, Session } from './session.ts';

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
