/**
 * Node IPAM: gives each node a range of pod addresses, `spec.podCIDR`, out of --cluster-cidr.
 *
 * Guarantees: no two nodes hold the same range. One leader allocates, one node at a time; at the start of its term it reads
 * all nodes from the API server, so that a former leader's allocations are known, and the fence keeps that leader from making
 * more. A range is free again when its node is deleted.
 */
import { isNotFound } from '../api/errors.ts';
import { kinds } from '../api/kinds.ts';
import { keyOf } from '../api/meta.ts';
import type { Node } from '../api/types.ts';
import { CidrRanges } from './cidr-ranges.ts';
import { type ControllerContext, newQueue, newRecorder, untilDone, work } from './context.ts';

/** Wait before another try when all ranges are taken. */
const exhaustedMs = 10_000;

export async function startNodeIpam(context: ControllerContext): Promise<void> {
  const { caches, client, options, signal, logger, metrics } = context;
  const { clusterCidr } = options;
  const recorder = newRecorder(context, 'cidrAllocator');
  const ranges = new CidrRanges(clusterCidr, options.nodeCidrMaskSize);
  const occupy = (node: Node): void => {
    for (const cidr of cidrsOf(node)) {
      const holder = ranges.occupy(cidr, keyOf(node));
      if (holder) logger.error({ node: keyOf(node), cidr, holder }, 'two nodes have the same podCIDR');
    }
  };
  const nodes = await untilDone(context, 'list of nodes', () => client.list('nodes', {}, signal));
  for (const node of nodes?.items ?? []) occupy(node);
  const queue = newQueue(context, 'cidrallocator_node');
  const seen = (node: Node): void => {
    if (cidrsOf(node).length > 0) occupy(node);
    else queue.add(keyOf(node));
  };
  caches.nodes.addHandler(
    {
      added: seen,
      updated: (_, node) => seen(node),
      deleted: (node) => {
        for (const _ of ranges.release(keyOf(node))) metrics.cidrReleases.inc({ clusterCIDR: clusterCidr });
      },
    },
    signal,
  );

  await work(context, queue, 1, async (key) => {
    const node = caches.nodes.get(key);
    if (!node || cidrsOf(node).length > 0) return {};
    // Held already: an earlier try whose outcome was not known, or one that the cache does not show yet.
    const held = ranges.heldBy(key);
    const cidr = held ?? ranges.allocate(key);
    if (!cidr) {
      recorder.event(node, kinds.nodes, 'Normal', 'CIDRNotAvailable', `Node ${key} status is now: CIDRNotAvailable`);
      return { requeueAfterMs: exhaustedMs };
    }
    const { resourceVersion } = node.metadata ?? {};
    const patch = { metadata: { resourceVersion }, spec: { podCIDR: cidr, podCIDRs: [cidr] } };
    try {
      await client.patch('nodes', { name: key }, patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      ranges.release(key);
      return {};
    }
    if (!held) metrics.cidrAllocations.inc({ clusterCIDR: clusterCidr });
    metrics.cidrUsage.set({ clusterCIDR: clusterCidr }, ranges.usage);
    logger.info({ node: key, cidr }, 'podCIDR assigned');
    return {};
  });
}

function cidrsOf({ spec }: Node): string[] {
  return spec?.podCIDRs?.length ? spec.podCIDRs : spec?.podCIDR ? [spec.podCIDR] : [];
}
