/** Pods: graceful deletion, a spec that hardly changes, and the two actions that decide where and whether one runs. */
import { conflict, invalid } from '../../../api/errors.ts';
import { type Kind, kinds } from '../../../api/kinds.ts';
import { deepEqual, setCondition } from '../../../api/meta.ts';
import type { Binding, Pod } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { podColumns } from '../columns/pod.ts';
import { fillInLabelKeys } from '../defaults/label-keys.ts';
import { defaultPod } from '../defaults/pod-spec.ts';
import { qosClass } from '../defaults/qos.ts';
import { checkPreconditions } from '../deletion.ts';
import type { Resource } from '../resource.ts';
import { type Action, type Strategy, type SubresourceStrategy, statusOnly, success } from '../strategy.ts';
import { FieldErrors } from '../validation/field-errors.ts';
import { validatePodAnnotations } from '../validation/pod/annotations.ts';
import { fillInAppArmor, validateAppArmorAnnotations } from '../validation/pod/apparmor.ts';
import { validatePodSpec } from '../validation/pod/pod-spec.ts';
import { validatePodStatus } from '../validation/pod/pod-status.ts';
import { validatePodUpdate } from '../validation/pod/pod-update.ts';
import { podWarnings } from '../validation/pod/warnings.ts';
import { createEviction } from './pod-eviction.ts';
import { ephemeralContainers, resize } from './pod-parts.ts';

/** Selectable fields, and where they are read. */
const fields: Readonly<Record<string, (pod: Pod) => string | undefined>> = {
  'spec.nodeName': ({ spec }) => spec?.nodeName,
  'spec.restartPolicy': ({ spec }) => spec?.restartPolicy,
  'spec.schedulerName': ({ spec }) => spec?.schedulerName,
  'spec.serviceAccountName': ({ spec }) => spec?.serviceAccountName,
  'spec.hostNetwork': ({ spec }) => String(spec?.hostNetwork ?? false),
  'status.phase': ({ status }) => status?.phase,
  'status.podIP': ({ status }) => status?.podIP,
  'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName,
};

const bindingsKind = { group: '', resource: 'pods/binding' };

/** Says on which node the pod runs; only once, and only while it is wanted. */
const binding: Action = {
  async run(verbs, ctx, name, body: Binding, now) {
    const { target, metadata = {} } = body;
    const errors = new FieldErrors();
    if (target?.kind && target.kind !== 'Node') errors.notSupported('target.kind', target.kind, ['Node', '<empty>']);
    if (!target?.name) errors.required('target.name');
    if (errors.any) throw invalid({ group: '', kind: 'Binding' }, name.name, errors.causes);
    await verbs.modify(ctx, name, (old: Pod): Pod => {
      const { uid, resourceVersion, annotations, labels } = metadata;
      const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
      checkPreconditions(kinds.pods, name.name, old, { preconditions });
      if (old.metadata?.deletionTimestamp) {
        throw conflict(bindingsKind, name.name, `pod ${name.name} is being deleted, cannot be assigned to a host`);
      }
      const { nodeName, schedulingGates = [] } = old.spec ?? {};
      if (nodeName) {
        throw conflict(bindingsKind, name.name, `pod ${name.name} is already assigned to node "${nodeName}"`);
      }
      if (schedulingGates.length > 0) {
        throw conflict(bindingsKind, name.name, `pod ${name.name} has non-empty .spec.schedulingGates`);
      }
      const conditions = setCondition(old.status?.conditions, { type: 'PodScheduled', status: 'True' }, now);
      // It said where room was made for the pod; now it has a place.
      const { nominatedNodeName: _, ...status } = old.status ?? {};
      const meta = { ...old.metadata };
      if (annotations) meta.annotations = { ...meta.annotations, ...annotations };
      if (labels) meta.labels = { ...meta.labels, ...labels };
      return {
        ...old,
        metadata: meta,
        spec: { ...old.spec, containers: old.spec?.containers ?? [], nodeName: target.name ?? '' },
        status: { ...status, conditions },
      };
    });
    return success();
  },
};

const reported = statusOnly<Pod>(validatePodStatus);

const status: SubresourceStrategy<Pod> = {
  ...reported,
  apply(incoming: Pod, old, now) {
    const pod = reported.apply(incoming, old, now);
    // A kubelet that leaves the class out does not take it away; and whom a pod belongs to is not its status.
    const { qosClass: known } = old.status ?? {};
    if (known && !pod.status?.qosClass) pod.status = { ...pod.status, qosClass: known };
    const { ownerReferences: _owners, ...metadata } = pod.metadata ?? {};
    const { ownerReferences } = old.metadata ?? {};
    pod.metadata = { ...metadata, ...(ownerReferences && { ownerReferences }) };
    return pod;
  },
};

export const podStrategy: Strategy<Pod> = {
  kind: kinds.pods,
  columns: podColumns,
  fieldNames: Object.keys(fields),
  fieldValue: (pod, field) => fields[field]?.(pod) ?? '',
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,

  setDefaults: defaultPod,
  prepareForCreate(pod, { warnings }) {
    fillInLabelKeys(pod);
    fillInAppArmor(pod, warnings);
    pod.status = { phase: 'Pending', qosClass: qosClass(pod.spec) };
    if ((pod.spec?.schedulingGates ?? []).length > 0) {
      const message = 'Scheduling is blocked due to non-empty scheduling gates';
      pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message }];
    }
  },
  prepareForUpdate(pod, old) {
    if (old.status) pod.status = old.status;
    else delete pod.status;
  },
  validate({ metadata, spec }, errors, old) {
    validatePodAnnotations(metadata?.annotations, spec?.nodeName, 'metadata.annotations', errors);
    if (!spec) errors.required('spec.containers');
    // What was taken once, under whatever rules, may stay, so that such a pod can still lose its finalizers.
    else if (!old || !deepEqual(spec, old.spec)) validatePodSpec(spec, 'spec', errors, metadata?.name ?? '');
    if (old || !spec) return;
    validateAppArmorAnnotations(metadata?.annotations, 'metadata.annotations', spec, 'spec', errors);
    if (spec.ephemeralContainers?.length) errors.forbidden('spec.ephemeralContainers', 'cannot be set on create');
    if (spec.nodeName && spec.schedulingGates?.length) {
      errors.forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
    }
  },
  // Pods are changed by programs, and often.
  warnings: (pod, old) => (old ? [] : podWarnings(pod)),
  validateUpdate: validatePodUpdate,
  gracePeriodSeconds({ spec, status }, requested) {
    if (!spec?.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
    return requested ?? spec.terminationGracePeriodSeconds ?? 30;
  },
  subresources: { status, ephemeralcontainers: ephemeralContainers, resize },
  actions: { binding },
};

/** The same with evictions, which look at other resources of the registry. */
export const createPodStrategy = (resources: (kind: Kind) => Resource): Strategy<Pod> => ({
  ...podStrategy,
  actions: { binding, eviction: createEviction(resources) },
});
