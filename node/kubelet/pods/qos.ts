/** Quality of service classes ("Configure Quality of Service for Pods"). Pure. */
import { quantityToNumber } from '../../../master/api/quantity.ts';
import type { Pod } from '../../../master/api/types.ts';
import { containersOf, initContainersOf } from './pod.ts';

/** The API server sets the class too; this is for a Pod that came without. */
export function qosClassOf(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...initContainersOf(pod), ...containersOf(pod)];
  const any = containers.some(({ resources }) =>
    [resources?.requests, resources?.limits].some((list) => positive(list?.cpu) || positive(list?.memory)),
  );
  if (!any) return 'BestEffort';
  const guaranteed = containers.every(({ resources }) =>
    (['cpu', 'memory'] as const).every((name) => {
      const limit = resources?.limits?.[name];
      const request = resources?.requests?.[name] ?? limit;
      return positive(limit) && quantityToNumber(request ?? 0) === quantityToNumber(limit ?? 0);
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const positive = (quantity: string | undefined): boolean => quantity !== undefined && quantityToNumber(quantity) > 0;
