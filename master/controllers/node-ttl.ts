/**
 * Node TTL: says on each node, in the annotation `node.alpha.kubernetes.io/ttl`, for how many seconds its kubelet may go on with what it has
 * read of Secrets and ConfigMaps: the longer the more nodes there are, so that large clusters ask less.
 */
import { isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/meta.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

export const ttlAnnotation = 'node.alpha.kubernetes.io/ttl';

/** Kubernetes' steps. They overlap, so that a cluster at a border does not change its mind with each node. */
const steps = [
  { from: 0, to: 100, seconds: 0 },
  { from: 90, to: 500, seconds: 15 },
  { from: 450, to: 1_000, seconds: 30 },
  { from: 900, to: 2_000, seconds: 60 },
  { from: 1_800, to: 10_000, seconds: 300 },
  { from: 9_000, to: Number.POSITIVE_INFINITY, seconds: 600 },
] as const;

/** The step of so many nodes, coming from another one: it is left only where the count has left it. */
export function stepFor(nodes: number, current = 0): number {
  let step = current;
  while (step < steps.length - 1 && nodes > (steps[step]?.to ?? 0)) step += 1;
  while (step > 0 && nodes < (steps[step]?.from ?? 0)) step -= 1;
  return step;
}

export const secondsOf = (step: number): number => steps[step]?.seconds ?? 0;

export async function startNodeTtl(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const queue = newQueue(context, 'ttl_node');
  let step = 0;
  let nodes = 0;
  const counted = (change: number): void => {
    nodes += change;
    const next = stepFor(nodes, step);
    if (next === step) return;
    step = next;
    for (const node of caches.nodes.list()) queue.add(keyOf(node));
  };
  caches.nodes.addHandler(
    {
      added: (node) => {
        counted(1);
        queue.add(keyOf(node));
      },
      updated: (_, node) => queue.add(keyOf(node)),
      deleted: () => counted(-1),
    },
    signal,
  );
  await work(context, queue, 1, async (key) => {
    const node = caches.nodes.get(key);
    const ttl = String(secondsOf(step));
    if (!node || node.metadata?.annotations?.[ttlAnnotation] === ttl) return {};
    const patch = { metadata: { annotations: { [ttlAnnotation]: ttl } } };
    try {
      await client.patch('nodes', { name: key }, patch, { type: 'merge' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return {};
  });
}
