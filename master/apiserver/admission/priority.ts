/** Priority: the number behind a pod's priority class. Until classes are served, there are the two that always exist. */
import { forbidden } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Pod } from '../../api/types.ts';
import type { AdmissionPlugin } from './types.ts';

const classes: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);

export const priority: AdmissionPlugin = {
  name: 'Priority',
  resources: ['pods'],
  admit({ operation, name, subresource, object }) {
    if (operation !== 'CREATE' || subresource !== undefined || !object) return;
    setPriority(object, name);
  },
};

function setPriority({ spec }: Pod, name: string): void {
  if (!spec) return;
  const { priorityClassName = '' } = spec;
  const value = priorityClassName === '' ? 0 : classes.get(priorityClassName);
  if (value === undefined) {
    throw forbidden(kinds.pods, name, `no PriorityClass with name ${priorityClassName} was found`);
  }
  if (spec.priority !== undefined && spec.priority !== value) {
    const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
    throw forbidden(kinds.pods, name, why);
  }
  spec.priority = value;
  spec.preemptionPolicy ??= 'PreemptLowerPriority';
}
