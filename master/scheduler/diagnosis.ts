/** Why no node would do, and the sentence that Kubernetes makes of it. */
import type { Refusal } from './framework.ts';

export interface Diagnosis {
  readonly message: string;
  /** The plugins that refused a node. */
  readonly plugins: ReadonlySet<string>;
}

/**
 * The message of a pod that fits nowhere, for example `0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were
 * unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not
 * helpful for scheduling.` Pods of lower priority are not looked for yet, so the second half never names a victim.
 */
export function diagnosisOf(
  refusals: readonly { readonly plugin: string; readonly refusal: Refusal }[],
  nodes: number,
): Diagnosis {
  if (nodes === 0) return { message: 'no nodes available to schedule pods', plugins: new Set() };
  const reasons = histogram(refusals.flatMap(({ refusal }) => refusal.reasons));
  const preemption = histogram(
    refusals.map(({ refusal }) =>
      refusal.unresolvable
        ? 'Preemption is not helpful for scheduling'
        : 'No preemption victims found for incoming pod',
    ),
  );
  const none = `0/${nodes} nodes are available:`;
  return {
    message: `${none} ${reasons}. no new claims to deallocate, preemption: ${none} ${preemption}.`,
    plugins: new Set(refusals.map(({ plugin }) => plugin)),
  };
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
