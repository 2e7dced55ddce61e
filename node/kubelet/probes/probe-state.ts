/** What a series of probe outcomes means, by the thresholds. Pure. */
import type { Probe } from '../../../master/api/types.ts';
import type { ProbeResult } from './probe.ts';

export interface ProbeState {
  readonly result: 'success' | 'failure' | 'pending';
  readonly lastOutcome: 'success' | 'failure';
  /** How many times in a row. */
  readonly count: number;
}

/** An outcome that is unknown changes nothing. */
export function stepProbe(
  state: ProbeState | undefined,
  outcome: ProbeResult['outcome'],
  { successThreshold = 1, failureThreshold = 3 }: Pick<Probe, 'successThreshold' | 'failureThreshold'>,
): ProbeState {
  if (outcome === 'unknown') return state ?? { result: 'pending', lastOutcome: 'failure', count: 0 };
  const count = state?.lastOutcome === outcome ? state.count + 1 : 1;
  const threshold = outcome === 'success' ? successThreshold : failureThreshold;
  const result = count >= threshold ? outcome : (state?.result ?? 'pending');
  return { result, lastOutcome: outcome, count };
}
