/** Why no node would do, and the sentence that Kubernetes makes of it. */
import type { RefusedNode } from './algorithm.ts';
import type { Preemption } from './preemption.ts';

export interface Diagnosis {
  readonly message: string;
  /** The plugins that refused a node. */
  readonly plugins: ReadonlySet<string>;
}

/**
 * The message of a pod that fits nowhere, for example `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were
 * unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not
 * helpful for scheduling.` What holds for all nodes is said once, without a number. The second half says why no room was made, and is left out where it was.
 */
export function diagnosisOf(refused: readonly RefusedNode[], preemption: Preemption): Diagnosis {
  const nodes = refused.length;
  if (nodes === 0) return { message: 'no nodes available to schedule pods', plugins: new Set() };
  const none = `0/${nodes} nodes are available:`;
  const [first] = refused;
  const reasons = first?.refusal.everywhere
    ? first.refusal.reasons.join(', ')
    : histogram(refused.flatMap(({ refusal }) => refusal.reasons));
  const why = whyNoRoom(preemption, none);
  return {
    message: `${none} ${reasons}.${why && ` no new claims to deallocate, preemption: ${why}`}`,
    plugins: new Set(refused.map(({ plugin }) => plugin)),
  };
}

function whyNoRoom(preemption: Preemption, none: string): string {
  switch (preemption.kind) {
    case 'made':
      return '';
    case 'waits':
      return preemption.why;
    case 'impossible':
      return `${none} ${histogram(preemption.reasons.flat())}.`;
  }
}

/** `1 Insufficient cpu, 2 Too many pods`: sorted as texts, as Kubernetes does. */
function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(', ');
}
