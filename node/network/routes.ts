/**
 * The way to other nodes' pods: a route for each node's pod addresses by that node's own address. Pure planning on top, the
 * shell below. Routes of ours carry a protocol number of their own, so that nothing else is ever removed.
 */
import type { Node } from '../../master/api/types.ts';
import { execute } from './execute.ts';

/** Unassigned in iproute2's table of routing protocols (etc/iproute2/rt_protos). */
const routeProtocol = '77';

/** Pod addresses → the address of the node that has them. */
export type Routes = ReadonlyMap<string, string>;

/** Routes that `self` needs to reach the pods of all other nodes. */
export function wantedRoutes(nodes: readonly Node[], self: string): Routes {
  const routes = new Map<string, string>();
  for (const { metadata, spec, status } of nodes) {
    const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (metadata?.name !== self && spec?.podCIDR && address) routes.set(spec.podCIDR, address);
  }
  return routes;
}

/** The commands of `ip` that turn `present` into `wanted`. */
export function routeChanges(present: Routes, wanted: Routes): string[][] {
  const gone = [...present.keys()].filter((cidr) => !wanted.has(cidr));
  const changed = [...wanted].filter(([cidr, via]) => present.get(cidr) !== via);
  return [
    ...gone.map((cidr) => ['route', 'del', cidr, 'proto', routeProtocol]),
    ...changed.map(([cidr, via]) => ['route', 'replace', cidr, 'via', via, 'proto', routeProtocol]),
  ];
}

/** Makes the kernel's routes what is wanted. Throws after it has tried all, if any failed. */
export async function applyRoutes(wanted: Routes): Promise<void> {
  const errors: unknown[] = [];
  for (const change of routeChanges(await presentRoutes(), wanted)) {
    await execute('ip', change).catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('; '));
}

async function presentRoutes(): Promise<Routes> {
  return parseRoutes(await execute('ip', ['route', 'show', 'proto', routeProtocol]));
}

/** Reads lines such as `10.244.1.0/24 via 172.18.0.5 dev eth0`. */
export function parseRoutes(text: string): Routes {
  const lines = [...text.matchAll(/^(\S+) via (\S+)/gm)];
  return new Map(lines.map(([, cidr, via]) => [cidr!, via!]));
}
