/** Keeps the kubelet's server up with a certificate that is good for the node's name and address. */
import type { Client } from '../../master/api/client.ts';
import type { Clock } from '../../master/api/clock.ts';
import { CertificateManager } from '../certificates/certificate-manager.ts';
import type { NodeIdentity } from './node/node-object.ts';
import { KubeletServer, type KubeletServerOptions } from './server/kubelet-server.ts';

export interface ServeOptions extends KubeletServerOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly identity: NodeIdentity;
  readonly certificatePath: string;
}

/** Serves from the moment that there is a certificate until the signal is aborted; a renewed one is used without a pause. */
export async function serve(options: ServeOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, identity, certificatePath, clientCa, logger } = options;
  const server = new KubeletServer(options);
  const certificates = new CertificateManager({
    path: certificatePath,
    signer: 'serving',
    names: {
      commonName: `system:node:${identity.name}`,
      organization: 'system:nodes',
      dns: [identity.name],
      ips: [identity.ip],
    },
    ca: clientCa,
    clock,
    logger,
  });
  try {
    let pair = (await certificates.stored()) ?? (await certificates.request(client, signal));
    while (pair && !signal.aborted) {
      await server.serveWith(pair);
      await certificates.untilRenewal(pair, signal);
      if (!signal.aborted) pair = await certificates.request(client, signal);
    }
  } finally {
    await server.close();
  }
}
