/** How a kubelet comes to speak to the API as `system:node:<name>`: with its own certificate, got with a bootstrap token. */
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Client } from '../../../master/api/client.ts';
import type { Clock } from '../../../master/api/clock.ts';
import { type ClientConfig, kubeconfigText, loadKubeconfig } from '../../../master/api/config.ts';
import type { Logger } from '../../../master/api/logging.ts';
import { CertificateManager } from './certificate-manager.ts';
import type { KeyPair } from './certificate-store.ts';

export interface ClientIdentityOptions {
  readonly nodeName: string;
  /** Where the pair is kept. */
  readonly certificatePath: string;
  /** Where the kubeconfig with it is written, for the kube-proxy and for people. */
  readonly kubeconfigPath: string;
  readonly bootstrapKubeconfig: string;
  /** Take the place of the bootstrap kubeconfig's server. */
  readonly servers?: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ClientIdentity {
  readonly #options: ClientIdentityOptions;
  readonly #bootstrap: ClientConfig;
  readonly #manager: CertificateManager;

  /** Throws when the bootstrap kubeconfig cannot be read. */
  constructor(options: ClientIdentityOptions) {
    this.#options = options;
    const bootstrap = loadKubeconfig(options.bootstrapKubeconfig);
    this.#bootstrap = options.servers?.length ? { ...bootstrap, servers: [...options.servers] } : bootstrap;
    this.#manager = new CertificateManager({
      path: options.certificatePath,
      signer: 'client',
      names: { commonName: `system:node:${options.nodeName}`, organization: 'system:nodes' },
      ...(bootstrap.ca ? { ca: bootstrap.ca } : {}),
      clock: options.clock,
      logger: options.logger,
    });
  }

  /** Client configurations with the node's certificate; undefined when the signal is aborted first. */
  async obtain(signal: AbortSignal): Promise<{ config: ClientConfig; pair: KeyPair } | undefined> {
    const pair = (await this.#manager.stored()) ?? (await this.#requestWith(this.#bootstrap, signal));
    return pair && (await this.#use(pair));
  }

  /** Waits until the certificate is to be renewed, and gets the next one with the present one. */
  async renew(present: { config: ClientConfig; pair: KeyPair }, signal: AbortSignal): Promise<boolean> {
    await this.#manager.untilRenewal(present.pair, signal);
    const pair = await this.#requestWith(present.config, signal);
    if (pair) await this.#use(pair);
    return pair !== undefined;
  }

  async #requestWith(config: ClientConfig, signal: AbortSignal): Promise<KeyPair | undefined> {
    const client = new Client(config, { userAgent: 'kubelet-bootstrap' });
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
