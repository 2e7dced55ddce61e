/** What Kubernetes fills into a pod's spec or a pod template where nothing is said (its `SetDefaults_PodSpec` and kin). */
import { formatAmount, podAmounts } from '../../../api/pod-resources.ts';
import type { Container, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../../../api/types.ts';

/** The defaults that templates have too. Changes the spec in place. */
export function defaultPodSpec(spec: PodSpec): void {
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ??= 'ClusterFirst';
  if (spec.serviceAccountName || spec.serviceAccount) {
    spec.serviceAccountName ||= spec.serviceAccount ?? '';
    spec.serviceAccount = spec.serviceAccountName;
  }
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) defaultContainer(container);
  spec.volumes?.forEach(defaultVolume);
  for (const constraint of spec.topologySpreadConstraints ?? []) {
    constraint.nodeAffinityPolicy ??= 'Honor';
    constraint.nodeTaintsPolicy ??= 'Ignore';
  }
}

/** The defaults of a pod template, where there is one. */
export function defaultTemplate(template: PodTemplateSpec | undefined): void {
  if (template?.spec) defaultPodSpec(template.spec);
}

/** The defaults that only a pod has: a template that had them would pin them for every pod made from it. */
export function defaultPod({ spec }: Pod): void {
  if (!spec) return;
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const { resources, ports = [] } of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    if (resources?.limits) resources.requests = { ...resources.limits, ...resources.requests };
    if (spec.hostNetwork) for (const port of ports) port.hostPort ??= port.containerPort;
  }
  if (spec.resources) defaultPodResources(spec, spec.resources);
}

/** A pod that says what it needs as a whole asks for what its containers do, or else for as much as it may use (KEP-2837). */
function defaultPodResources(spec: PodSpec, resources: NonNullable<PodSpec['resources']>): void {
  const { requests = {}, limits = {} } = resources;
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return;
  const asked: Record<string, string> = {};
  for (const [name, amount] of podAmounts({ spec: { ...spec, overhead: {} } }, 'requests')) {
    if (name === 'cpu' || name === 'memory') asked[name] = formatAmount(name, amount);
  }
  resources.requests = { ...limits, ...asked, ...requests };
}

/** The defaults of a container that is added to a running pod. Changes it in place. */
export function defaultEphemeralContainer(container: NonNullable<PodSpec['ephemeralContainers']>[number]): void {
  defaultContainer(container);
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ??= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0';
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) defaultProbe(probe);
  }
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) defaultHttpGet(handler);
}

/** A tag that moves is pulled every time, one that stands still only where it is missing. */
function pullPolicyFor(image: string): string {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = image.slice(image.lastIndexOf('/') + 1).split(':')[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= '';
  defaultHttpGet(probe);
}

function defaultHttpGet(handler: Pick<Probe, 'httpGet'> | undefined): void {
  if (!handler?.httpGet) return;
  handler.httpGet.path ||= '/';
  handler.httpGet.scheme ||= 'HTTP';
}

const fileMode = 0o644;

function defaultVolume(volume: Volume): void {
  if (Object.keys(volume).every((field) => field === 'name')) volume.emptyDir = {};
  if (volume.secret) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap) volume.configMap.defaultMode ??= fileMode;
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.downwardAPI) volume.downwardAPI.defaultMode ??= fileMode;
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default';
  if (volume.image) volume.image.pullPolicy ||= pullPolicyFor(volume.image.reference ?? '');
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (claim) claim.volumeMode ||= 'Filesystem';
  const items = [...(volume.downwardAPI?.items ?? [])];
  if (volume.projected) {
    volume.projected.defaultMode ??= fileMode;
    for (const source of volume.projected.sources ?? []) {
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
      items.push(...(source.downwardAPI?.items ?? []));
    }
  }
  for (const { fieldRef } of items) if (fieldRef) fieldRef.apiVersion ??= 'v1';
}
