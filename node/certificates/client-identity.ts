/**
 * How a component of a node comes to speak to the API as itself: with a certificate of its own. A kubelet gets that of
 * `system:node:<name>` with a bootstrap token; kube-proxy that of `system:kube-proxy` with its node's certificate.
 */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Client } from '../../master/api/client.ts';
import type { Clock } from '../../master/api/clock.ts';
import { type ClientConfig, kubeconfigText, loadKubeconfig } from '../../master/api/config.ts';
import type { Logger } from '../../master/api/logging.ts';
import { CertificateManager } from './certificate-manager.ts';
import type { KeyPair } from './certificate-store.ts';
import type { RequestedNames } from './csr.ts';

export interface ClientIdentityOptions {
  readonly identity: Identity;
  /** Where the pair is kept. */
  readonly certificatePath: string;
  /** Where the kubeconfig with it is written. */
  readonly kubeconfigPath: string;
  /** Who asks for the certificate. */
  readonly bootstrapKubeconfig: string;
  /** Take the place of the bootstrap kubeconfig's server. */
  readonly servers?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who it is that asks, and by whom it may ask again before its certificate ends. */
export interface Identity {
  readonly signer: 'kubelet' | 'kube-proxy';
  readonly names: RequestedNames;
  readonly renewedBy: 'itself' | 'bootstrap';
}

export const kubeletIdentity = (nodeName: string): Identity => ({
  signer: 'kubelet',
  names: { commonName: `system:node:${nodeName}`, organization: 'system:nodes' },
  renewedBy: 'itself',
});

/** The same on every node, as in Kubernetes; only nodes are given it, so it is the node that asks again, too. */
export const kubeProxyIdentity: Identity = {
  signer: 'kube-proxy',
  names: { commonName: 'system:kube-proxy' },
  renewedBy: 'bootstrap',
};

export class ClientIdentity {
  readonly #options: ClientIdentityOptions;
  readonly #bootstrap: ClientConfig;
  readonly #manager: CertificateManager;

  /** Throws when the bootstrap kubeconfig cannot be read. */
  constructor(options: ClientIdentityOptions) {
    this.#options = options;
    this.#bootstrap = this.#readBootstrap();
    this.#manager = new CertificateManager({
      path: options.certificatePath,
      signer: options.identity.signer,
      names: options.identity.names,
      ...(this.#bootstrap.ca ? { ca: this.#bootstrap.ca } : {}),
      clock: options.clock,
      logger: options.logger,
    });
  }

  /** Client configurations with the certificate; undefined when the signal is aborted first. */
  async obtain(signal: AbortSignal): Promise<{ config: ClientConfig; pair: KeyPair } | undefined> {
    const pair = (await this.#manager.stored()) ?? (await this.#requestWith(this.#bootstrap, signal));
    return pair && (await this.#use(pair));
  }

  /** Waits until the certificate is to be renewed, and gets the next one. False when the signal is aborted first. */
  async renew(present: { config: ClientConfig; pair: KeyPair }, signal: AbortSignal): Promise<boolean> {
    await this.#manager.untilRenewal(present.pair, signal);
    if (signal.aborted) return false;
    const { renewedBy } = this.#options.identity;
    const pair = await this.#requestWith(renewedBy === 'itself' ? present.config : this.#readBootstrap(), signal);
    if (pair) await this.#use(pair);
    return pair !== undefined;
  }

  #readBootstrap(): ClientConfig {
    const { bootstrapKubeconfig, servers } = this.#options;
    const config = loadKubeconfig(bootstrapKubeconfig);
    return servers?.length ? { ...config, servers: [...servers] } : config;
  }

  async #requestWith(config: ClientConfig, signal: AbortSignal): Promise<KeyPair | undefined> {
    const client = new Client(config, { userAgent: `${this.#options.identity.signer}-bootstrap` });
    try {
      return await this.#manager.request(client, signal);
    } finally {
      await client.close();
    }
  }

  async #use(pair: KeyPair): Promise<{ config: ClientConfig; pair: KeyPair }> {
    const { servers, ca, serverName } = this.#bootstrap;
    const config: ClientConfig = { servers, cert: pair.cert, key: pair.key };
    if (ca) config.ca = ca;
    if (serverName) config.serverName = serverName;
    await this.#writeKubeconfig(config);
    return { config, pair };
  }

  async #writeKubeconfig({ servers, ...rest }: ClientConfig): Promise<void> {
    const { kubeconfigPath } = this.#options;
    await mkdir(dirname(kubeconfigPath), { recursive: true });
    const next = `${kubeconfigPath}.next`;
    await writeFile(next, kubeconfigText({ name: 'trimaster', server: servers[0] ?? '', ...rest }), { mode: 0o600 });
    await chmod(next, 0o600);
    await rename(next, kubeconfigPath);
  }
}
