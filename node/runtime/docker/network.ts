/**
 * The pod network of one node: an engine network over a bridge of its own, with the node's podCIDR as its range.
 * Routes to other nodes and masquerading are not made here: that is the proxy's side of the node.
 */
import type Docker from 'dockerode';
import type { NetworkInspectInfo } from 'dockerode';
import { engineSays } from './engine-error.ts';

export interface NetworkNames {
  readonly network: string;
  readonly bridge: string;
}

/** Makes the network, or leaves it as it is when it has this range already. One with another range is replaced. */
export async function ensureNetwork(
  docker: Docker,
  names: NetworkNames,
  cidr: string,
  owner: Record<string, string>,
): Promise<void> {
  const existing = await inspect(docker, names.network);
  if (existing?.IPAM?.Config?.some(({ Subnet }) => Subnet === cidr)) return;
  if (existing) await replace(docker, existing);
  try {
    await docker.createNetwork({
      Name: names.network,
      Driver: 'bridge',
      Labels: owner,
      IPAM: { Driver: 'default', Config: [{ Subnet: cidr, Gateway: firstAddress(cidr) }] },
      Options: {
        'com.docker.network.bridge.name': names.bridge,
        'com.docker.network.bridge.enable_ip_masquerade': 'false',
      },
    });
  } catch (error) {
    if (!engineSays(error, 409)) throw error;
  }
}

/** The address after the range's own: the bridge's, and the pods' gateway. */
export function firstAddress(cidr: string): string {
  const parts = (cidr.split('/')[0] ?? '').split('.').map(Number);
  const last = parts.pop() ?? 0;
  return [...parts, last + 1].join('.');
}

async function inspect(docker: Docker, name: string): Promise<NetworkInspectInfo | undefined> {
  try {
    return await docker.getNetwork(name).inspect();
  } catch (error) {
    if (engineSays(error, 404)) return undefined;
    throw error;
  }
}

/** Pods with addresses of the old range cannot be reached any more: they leave it, and the kubelet makes new sandboxes. */
async function replace(docker: Docker, network: NetworkInspectInfo): Promise<void> {
  const old = docker.getNetwork(network.Id);
  for (const container of Object.keys(network.Containers ?? {})) {
    await old.disconnect({ Container: container, Force: true });
  }
  await old.remove();
}
