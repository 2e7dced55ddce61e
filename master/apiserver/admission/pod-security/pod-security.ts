/**
 * PodSecurity: holds the pods of a namespace to the Pod Security Standard that its labels name. Pods are refused, warned of or
 * noted for the audit; the workloads that make pods are only warned of and noted, as it is their pods that are refused.
 */
import { forbidden, invalid } from '../../../api/errors.ts';
import { groupResource } from '../../../api/kinds.ts';
import { controllerOf } from '../../../api/meta.ts';
import type { KubeObject, Namespace, Pod, PodTemplateSpec } from '../../../api/types.ts';
import type { Objects } from '../objects.ts';
import { containersOf } from '../pod-containers.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { compareLevels, isFree, type Policy, policyOf } from './policy.ts';
import { findings, findingsText, type Standard, standardText } from './standards.ts';

/** The subresources of pods that change what runs. */
const changingSubresources = new Set<string | undefined>([undefined, 'ephemeralcontainers', 'resize']);

/** The resources that make pods of a template. */
const workloads = new Set([
  'podtemplates',
  'replicationcontrollers',
  'replicasets.apps',
  'deployments.apps',
  'statefulsets.apps',
  'daemonsets.apps',
  'jobs.batch',
  'cronjobs.batch',
]);

const annotationPrefix = 'pod-security.kubernetes.io/';
/** How many pods of a namespace are looked at when its labels become stricter. */
const maxPodsChecked = 3_000;

export function podSecurity(objects: Objects): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    resources: ['namespaces', 'pods', ...workloads],
    async validate(request) {
      const { operation, kind, subresource, object } = request;
      if (operation === 'DELETE' || operation === 'CONNECT' || !object) return;
      const resource = groupResource(kind);
      if (resource === 'namespaces') {
        if (subresource === undefined) await validateNamespace(request, object);
      } else if (resource === 'pods') {
        if (changingSubresources.has(subresource)) await validatePod(request, object);
      } else if (subresource === undefined) await reviewWorkload(request, object);
    },
  };

  async function policyFor(namespace: string): Promise<Policy> {
    return policyOf((await objects.get('namespaces', namespace))?.metadata?.labels);
  }

  async function validatePod(request: AdmissionRequest, pod: Pod): Promise<void> {
    const policy = await policyFor(request.namespace ?? '');
    if (isFree(policy) || (request.old && !isSignificant(pod, request.old))) return;
    note(request, 'enforce-policy', standardText(policy.enforce));
    const list = findings(policy.enforce, pod);
    review(request, policy, pod, list.length > 0);
    if (list.length === 0) return;
    const why = `violates PodSecurity "${standardText(policy.enforce)}": ${findingsText(list)}`;
    throw forbidden(request.kind, request.name, why);
  }

  async function reviewWorkload(request: AdmissionRequest, object: KubeObject): Promise<void> {
    const policy = await policyFor(request.namespace ?? '');
    if (policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return;
    const template = templateOf(object);
    if (template) review(request, policy, template, false);
  }

  async function validateNamespace(request: AdmissionRequest, { metadata }: Namespace): Promise<void> {
    const policy = policyOf(metadata?.labels);
    const before = policyOf(request.old?.metadata?.labels);
    const messages = (errors: Policy['errors']): string => JSON.stringify(errors.causes);
    if (policy.errors.any && (!before.errors.any || messages(policy.errors) !== messages(before.errors))) {
      throw invalid(request.kind, request.name, policy.errors.causes);
    }
    if (request.old && isStricter(policy.enforce, before.enforce)) await warnOfPods(request, policy.enforce);
  }

  /** Says which of the pods that are there already would now be refused. */
  async function warnOfPods({ name, ctx }: AdmissionRequest, enforce: Standard): Promise<void> {
    const pods = inOrderOfInterest(await objects.list('pods', name));
    const byFinding = Map.groupBy(
      pods.slice(0, maxPodsChecked).flatMap((pod) => {
        const reasons = findings(enforce, pod).map(({ reason }) => reason);
        return reasons.length > 0 ? [{ pod: pod.metadata?.name ?? '', reasons: reasons.join(', ') }] : [];
      }),
      ({ reasons }) => reasons,
    );
    if (pods.length > maxPodsChecked) {
      ctx.warnings.push(
        `new PodSecurity enforce level only checked against the first ${maxPodsChecked} of ${pods.length} existing pods`,
      );
    }
    if (byFinding.size === 0) return;
    ctx.warnings.push(
      `existing pods in namespace "${name}" violate the new PodSecurity enforce level "${standardText(enforce)}"`,
      ...[...byFinding].map(([reasons, list]) => `${podsText(list.map(({ pod }) => pod))}: ${reasons}`).sort(),
    );
  }
}

/** Warns and notes for the audit. A pod that is refused needs no warning. */
function review(
  request: AdmissionRequest,
  policy: Policy,
  pod: Pick<Pod, 'metadata' | 'spec'>,
  refused: boolean,
): void {
  const text = (standard: Standard): string => {
    const list = findings(standard, pod);
    return list.length === 0 ? '' : `would violate PodSecurity "${standardText(standard)}": ${findingsText(list)}`;
  };
  const audited = text(policy.audit);
  if (audited !== '') note(request, 'audit-violations', audited);
  const warning = refused ? '' : text(policy.warn);
  if (warning !== '') request.ctx.warnings.push(warning);
}

function note({ ctx }: AdmissionRequest, key: string, value: string): void {
  ctx.auditAnnotations?.set(annotationPrefix + key, value);
}

/** What of a pod may be changed later that the standards look at: its images, and containers for debugging. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const images = ({ spec }: Pod): string =>
    spec ? JSON.stringify(containersOf(spec).map(({ name, image }) => [name, image])) : '';
  return images(pod) !== images(old);
}

function isStricter(now: Standard, before: Standard): boolean {
  if (now.level === 'privileged') return false;
  return now.version === before.version ? compareLevels(now.level, before.level) > 0 : true;
}

/** One pod of each controller first: the others of it are as it is. */
function inOrderOfInterest(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const { first = [], rest = [] } = Object.groupBy(pods, (pod) => {
    const uid = controllerOf(pod)?.uid;
    if (uid === undefined || !seen.has(uid)) {
      if (uid !== undefined) seen.add(uid);
      return 'first';
    }
    return 'rest';
  });
  return [...first, ...rest];
}

function podsText(names: readonly string[]): string {
  const [first = ''] = [...names].sort();
  if (names.length === 1) return first;
  return `${first} (and ${names.length - 1} other ${names.length === 2 ? 'pod' : 'pods'})`;
}

/** What a workload makes pods of stands in one of three places. */
interface Workload extends KubeObject {
  readonly template?: PodTemplateSpec;
  readonly spec?: { readonly template?: PodTemplateSpec; readonly jobTemplate?: { readonly spec?: Workload['spec'] } };
}

/** The template of pods in a workload; undefined where it has none. */
function templateOf({ template, spec }: Workload): PodTemplateSpec | undefined {
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
}
