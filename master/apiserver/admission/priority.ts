/**
 * Priority: the number behind a pod's priority class, and at most one class for pods that name none. (Kubernetes, "Pod
 * Priority and Preemption".)
 */
import { forbidden } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Pod, PriorityClass } from '../../api/types.ts';
import type { Objects } from './objects.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

/** There from the beginning, also before their objects are. */
const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);

type Chosen = Pick<PriorityClass, 'value' | 'preemptionPolicy'>;

export function priority(objects: Objects): AdmissionPlugin {
  return {
    name: 'Priority',
    resources: ['pods', 'priorityclasses.scheduling.k8s.io'],
    async admit({ operation, kind, name, subresource, object, old }) {
      if (kind !== kinds.pods || subresource !== undefined || !object) return;
      if (operation === 'CREATE') await choose(object, name);
      else if (operation === 'UPDATE') keep(object, old ?? {});
    },
    async validate(request) {
      if (request.kind === kinds.priorityclasses && request.object && request.operation !== 'DELETE') {
        await checkDefault(request, request.object as PriorityClass);
      }
    },
  };

  async function choose({ spec }: Pod, name: string): Promise<void> {
    if (!spec) return;
    const { value = 0, preemptionPolicy } = await classOf(spec, name);
    if (spec.priority !== undefined && spec.priority !== value) {
      const why = `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`;
      throw forbidden(kinds.pods, name, why);
    }
    spec.priority = value;
    const policy = preemptionPolicy ?? 'PreemptLowerPriority';
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
      const why = `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`;
      throw forbidden(kinds.pods, name, why);
    }
    spec.preemptionPolicy = policy;
  }

  async function classOf(spec: NonNullable<Pod['spec']>, pod: string): Promise<Chosen> {
    const { priorityClassName: name = '' } = spec;
    if (name === '') {
      const common = await defaultClass();
      if (common) spec.priorityClassName = common.metadata?.name ?? '';
      return common ?? { value: 0 };
    }
    const found =
      (await objects.get('priorityclasses', name)) ??
      (await objects.get('priorityclasses', name, undefined, 'consistent'));
    if (found) return found;
    const value = systemClasses.get(name);
    if (value === undefined) throw forbidden(kinds.pods, pod, `no PriorityClass with name ${name} was found`);
    return { value };
  }

  /** The lowest of those that say that they are it: there may be two for a moment. */
  async function defaultClass(): Promise<PriorityClass | undefined> {
    const classes = (await objects.list('priorityclasses')).filter(({ globalDefault }) => globalDefault);
    return classes.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }

  async function checkDefault({ kind, name }: AdmissionRequest, { globalDefault }: PriorityClass): Promise<void> {
    const present = globalDefault && (await defaultClass())?.metadata?.name;
    if (!present || present === name) return;
    throw forbidden(kind, name, `PriorityClass ${present} is already marked as default. Only one default can exist`);
  }
}

/** A client that does not know the fields does not take them away. */
function keep({ spec }: Pod, { spec: before }: Pod): void {
  if (!spec) return;
  if (before?.priority !== undefined) spec.priority ??= before.priority;
  if (before?.preemptionPolicy !== undefined) spec.preemptionPolicy ??= before.preemptionPolicy;
}
