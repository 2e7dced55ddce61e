/** The quality-of-service class of a pod (Kubernetes' "Pod Quality of Service Classes" page). */
import { milliValue } from '../../../api/quantity.ts';
import type { PodSpec } from '../../../api/types.ts';

const counted = ['cpu', 'memory'] as const;

export function qosClass(spec: PodSpec | undefined): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  let any = false;
  let guaranteed = containers.length > 0;
  for (const { resources } of containers) {
    for (const name of counted) {
      const request = positive(resources?.requests?.[name]);
      const limit = positive(resources?.limits?.[name]);
      if (request > 0 || limit > 0) any = true;
      if (limit === 0 || (request > 0 && request !== limit)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const positive = (text: string | undefined): number => (text === undefined ? 0 : Math.max(0, milliValue(text)));
