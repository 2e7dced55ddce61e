/** Connections of the API server's own to Services, as webhooks need them: by way of the node of a pod behind the Service. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Node, Pod, Service } from '../../api/types.ts';
import type { Objects } from '../admission/objects.ts';
import type { DialService } from '../webhooks/client.ts';
import type { KubeletProxy } from './kubelet-proxy.ts';
import { chooseEndpoint } from './object-proxy.ts';
import { dial } from './pod-agent.ts';
import { endpointsOf } from './service-endpoints.ts';

export interface ServiceDialerOptions {
  readonly objects: Objects;
  readonly kubelets: KubeletProxy;
}

export function serviceDialer({ objects, kubelets }: ServiceDialerOptions): DialService {
  return async ({ namespace, name, port }) => {
    const service: Service | undefined = await objects.get('services', name, namespace);
    if (!service) throw new Error(`service ${JSON.stringify(name)} not found`);
    if (service.spec?.type === 'ExternalName') return direct(service.spec.externalName ?? '', port);
    const endpoints = await endpointsOf(objects, namespace, name);
    const target = { scheme: 'https' as const, name, port: String(port) };
    const chosen = chooseEndpoint(service, endpoints, target, Math.random());
    const node = chosen.pod && (await nodeOf(chosen.pod));
    if (!chosen.pod || !node) return direct(chosen.ip, chosen.port);
    const path = ['', 'connect', chosen.pod.namespace, chosen.pod.name, String(chosen.port)].map(encodeURIComponent);
    return dial(kubelets.backend(node, path.join('/')));
  };

  async function nodeOf({ namespace, name }: { namespace: string; name: string }): Promise<Node | undefined> {
    const pod: Pod | undefined = await objects.get('pods', name, namespace);
    return pod?.spec?.nodeName ? objects.get('nodes', pod.spec.nodeName) : undefined;
  }
}

/** To an endpoint that is no pod's: a server outside of the cluster. */
async function direct(host: string, port: number): Promise<Duplex> {
  const socket = connect({ host, port });
  await once(socket, 'connect');
  return socket;
}
