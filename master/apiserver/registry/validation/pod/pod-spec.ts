/**
 * The rules of a pod's spec and of a pod template: one file for each part of it, put together here.
 *
 * Guarantees: what passes can be run by a kubelet as it is written. Whether what it names exists (claims, Secrets, nodes) is not
 * looked at. Kubernetes' `ValidatePodSpec` says the same.
 */
import type { PodSpec } from '../../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateLabels } from '../metadata.ts';
import { validateAffinity } from './affinity.ts';
import { requireOneOf, validateContainers } from './containers.ts';
import { validateNames } from './dns.ts';
import { validatePodClaims, validatePodResources, validateResources } from './resources.ts';
import { validatePodSecurity } from './security.ts';
import { validateSpread } from './spread.ts';
import { validateTolerations } from './tolerations.ts';
import { validateVolumes } from './volumes.ts';
import { validateHostProcess, validateOs } from './windows.ts';

const restartPolicies = ['Always', 'Never', 'OnFailure'];
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const maxDeadlineSeconds = 2 ** 31 - 1;

/** `path` is where the spec stands, such as `spec` or `spec.template.spec`; `pod`: the name of the pod, if it is one. */
export function validatePodSpec(spec: PodSpec, path: string, errors: FieldErrors, pod?: string): void {
  const isPod = pod !== undefined;
  if (spec.terminationGracePeriodSeconds === undefined) errors.required(`${path}.terminationGracePeriodSeconds`);
  const volumes = validateVolumes(spec.volumes ?? [], pod, `${path}.volumes`, errors);
  const claims = validatePodClaims(spec.resourceClaims ?? [], `${path}.resourceClaims`, errors);
  validateContainers({ spec, volumes, claims, isPod }, path, errors);
  validatePodResources(spec, `${path}.resources`, errors);
  validateHostNetwork(spec, isPod, path, errors);
  requireOneOf(spec.restartPolicy ?? '', restartPolicies, `${path}.restartPolicy`, errors);
  requireOneOf(spec.dnsPolicy ?? '', dnsPolicies, `${path}.dnsPolicy`, errors);
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, errors);
  validatePodSecurity(spec, path, errors);
  validateHostProcess(spec, path, errors);
  validateOs(spec, path, errors);
  if (spec.affinity) validateAffinity(spec.affinity, `${path}.affinity`, errors);
  validateNames(spec, path, errors);
  validateGates(spec, path, errors);
  validateSpread(spec.topologySpreadConstraints ?? [], isPod, `${path}.topologySpreadConstraints`, errors);
  validateTolerations(spec.tolerations ?? [], `${path}.tolerations`, errors);
  for (const field of named) {
    const value = spec[field];
    if (value) errors.invalidFor(`${path}.${field}`, value, isDns1123Subdomain(value));
  }
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxDeadlineSeconds)) {
    errors.invalid(`${path}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxDeadlineSeconds}, inclusive`);
  }
  if (spec.preemptionPolicy !== undefined) {
    requireOneOf(spec.preemptionPolicy, ['Never', 'PreemptLowerPriority'], `${path}.preemptionPolicy`, errors);
  }
  if (spec.overhead) validateResources({ limits: spec.overhead }, new Set(), `${path}.overhead`, errors);
  if (isPod) validateTokens(spec, path, errors);
}

/** Objects of the cluster that the pod names. */
const named = [
  'serviceAccountName',
  'nodeName',
  'priorityClassName',
  'runtimeClassName',
] as const satisfies (keyof PodSpec)[];

/** A pod in its node's network has the node's ports: a template may leave that to the pods. */
function validateHostNetwork(spec: PodSpec, isPod: boolean, path: string, errors: FieldErrors): void {
  if (!spec.hostNetwork) return;
  (spec.containers ?? []).forEach(({ ports = [] }, at) => {
    ports.forEach(({ hostPort = 0, containerPort }, index) => {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort) {
        const field = `${path}.containers[${at}].ports[${index}].hostPort`;
        errors.invalid(field, hostPort, 'must match `containerPort` when `hostNetwork` is true');
      }
    });
  });
}

/** What must be true before a pod is ready, and before it is scheduled. */
function validateGates(
  { readinessGates = [], schedulingGates = [] }: PodSpec,
  path: string,
  errors: FieldErrors,
): void {
  readinessGates.forEach(({ conditionType = '' }, index) => {
    errors.invalidFor(`${path}.readinessGates[${index}].conditionType`, conditionType, isQualifiedName(conditionType));
  });
  const seen = new Set<string>();
  schedulingGates.forEach(({ name = '' }, index) => {
    const field = `${path}.schedulingGates[${index}]`;
    errors.invalidFor(field, name, isQualifiedName(name));
    if (seen.has(name)) errors.duplicate(field, name);
    seen.add(name);
  });
}

/** A token is somebody's. */
function validateTokens({ serviceAccountName, volumes = [] }: PodSpec, path: string, errors: FieldErrors): void {
  if (serviceAccountName) return;
  volumes.forEach(({ projected }, at) => {
    (projected?.sources ?? []).forEach(({ serviceAccountToken }, index) => {
      if (!serviceAccountToken) return;
      const field = `${path}.volumes[${at}].projected.sources[${index}].serviceAccountToken`;
      errors.forbidden(field, 'must not be specified when serviceAccountName is not set');
    });
  });
}
