/**
 * What Kubernetes 1.36 warns of in pods and in pod templates that it takes: what is deprecated or works no more, and what hardly means what was
 * meant (its `GetWarningsForPod` and `GetWarningsForPodTemplate`).
 */
import { milliValue } from '../../../../api/quantity.ts';
import type { Container, Pod, PodSpec, PodTemplateSpec } from '../../../../api/types.ts';
import { isDns1123Label } from '../../../../api/validation-names.ts';
import { addressWarnings } from '../address-warnings.ts';
import { affinityWarnings, deprecatedLabel } from './affinity-warnings.ts';
import { appArmorPrefix } from './apparmor.ts';

type Meta = Pod['metadata'];

/** Of a new pod. */
export function podWarnings({ metadata, spec }: Pod): string[] {
  const named = nameWarnings(metadata, "this is used in the Pod's hostname");
  return spec ? [...named, ...specWarnings(spec, metadata, '', false)] : named;
}

/** Of a template; `path` is where it stands. */
export function templateWarnings(template: PodTemplateSpec | undefined, path: string): string[] {
  return template?.spec ? specWarnings(template.spec, template.metadata, `${path}.`, true) : [];
}

interface Workload {
  readonly metadata?: Meta;
  readonly spec?: { readonly template?: PodTemplateSpec };
}

/** Of an object whose template stands at `spec.template`; on changes only of another spec. */
export const servingWarnings = ({ metadata, spec }: Workload, old?: Workload): string[] =>
  isNews(metadata, old) ? templateWarnings(spec?.template, 'spec.template') : [];

/** The same of one whose name is part of its pods' names, where they are not held to the rules of hostnames. */
export const workloadWarnings = (object: Workload, old?: Workload): string[] => [
  ...(old ? [] : nameWarnings(object.metadata)),
  ...servingWarnings(object, old),
];

/** Whether it is new, or another than it was. */
export const isNews = (metadata: Meta, old: { readonly metadata?: Meta } | undefined): boolean =>
  old === undefined || metadata?.generation !== old.metadata?.generation;

/** A name that no pod's hostname can be. */
export function nameWarnings(metadata: Meta, use = 'this is used in Pod names and hostnames'): string[] {
  const wrong = isDns1123Label(metadata?.name ?? '');
  if (wrong.length === 0) return [];
  const why = `${use}, which can result in surprising behavior; a DNS label is recommended`;
  return [`metadata.name: ${why}: [${wrong.join(' ')}]`];
}

/** A number of bytes that is none. `path` is where the amounts stand. */
export function fractionWarnings(
  amounts: Readonly<Record<string, string | number>> | undefined,
  path: string,
  resources: readonly string[] = ['memory', 'ephemeral-storage'],
): string[] {
  return resources.flatMap((resource) => {
    const amount = amounts?.[resource];
    if (amount === undefined) return [];
    const milli = milliValue(amount);
    return milli % 1000 === 0
      ? []
      : [`${path}[${resource}]: fractional byte value "${milli}m" is invalid, must be an integer`];
  });
}

const oldAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
};

const oldVolumes = {
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  gitRepo: 'deprecated in v1.11',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
} as const;

/** The field is called otherwise than the message says it. */
const volumeNames: Readonly<Record<string, string>> = { storageos: 'storageOS' };

const seccomp = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/';

/** `at` stands before `spec` and `metadata`: a pod's path is empty. */
function specWarnings(spec: PodSpec, metadata: Meta, at: string, isTemplate: boolean): string[] {
  const annotations = metadata?.annotations ?? {};
  const warnings: string[] = [];
  const field = `${at}spec`;
  const annotation = (key: string): string => `${at}metadata.annotations[${key}]`;
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const old = deprecatedLabel(key);
    if (old !== undefined) warnings.push(`${field}.nodeSelector[${key}]: ${old}`);
  }
  warnings.push(...affinityWarnings(spec, field));
  for (const [key, why] of Object.entries(oldAnnotations)) {
    if (annotations[key] !== undefined) warnings.push(`${annotation(key)}: ${why}`);
  }
  warnings.push(...volumeWarnings(spec, field));
  spec.dnsConfig?.nameservers?.forEach((address, index) => {
    warnings.push(...addressWarnings(address, `${field}.dnsConfig.nameservers[${index}]`));
  });
  const aliases = spec.hostAliases ?? [];
  aliases.forEach(({ ip }, index) => {
    const said = aliases.findIndex((other) => other.ip === ip) < index;
    if (said) warnings.push(`${field}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`);
    warnings.push(...addressWarnings(ip, `${field}.hostAliases[${index}].ip`));
  });
  const secrets = spec.imagePullSecrets ?? [];
  secrets.forEach(({ name = '' }, index) => {
    const where = `${field}.imagePullSecrets[${index}].name`;
    const said = secrets.findIndex((other) => (other.name ?? '') === name) < index;
    if (said) warnings.push(`${where}: duplicate name ${JSON.stringify(name)}`);
    if (name === '') warnings.push(`${where}: invalid empty name ""`);
  });
  warnings.push(...fractionWarnings(spec.overhead, `${field}.overhead`));
  if (annotations[seccompPod] !== undefined && !spec.securityContext?.seccompProfile) {
    warnings.push(`${annotation(seccompPod)}: ${seccomp}`);
  }
  const all = containersOf(spec, field);
  for (const [container, path] of all) {
    const { name, securityContext, resources, env = [] } = container;
    const seccompKey = seccompContainer + name;
    if (annotations[seccompKey] !== undefined && !securityContext?.seccompProfile) {
      warnings.push(`${annotation(seccompKey)}: ${seccomp}`);
    }
    // What pods are warned of is said where their fields are filled in.
    const confined = spec.securityContext?.appArmorProfile ?? securityContext?.appArmorProfile;
    const armorKey = appArmorPrefix + name;
    if (isTemplate && !confined && annotations[armorKey] !== undefined) {
      warnings.push(`${annotation(armorKey)}: deprecated since v1.30; use the "appArmorProfile" field instead`);
    }
    warnings.push(...fractionWarnings(resources?.limits, `${path}.resources.limits`, ['memory']));
    warnings.push(...fractionWarnings(resources?.requests, `${path}.resources.requests`, ['memory']));
    warnings.push(...fractionWarnings(resources?.limits, `${path}.resources.limits`, ['ephemeral-storage']));
    warnings.push(...fractionWarnings(resources?.requests, `${path}.resources.requests`, ['ephemeral-storage']));
    if (env.length > 1) warnings.push(...hiddenVariables(env, path));
  }
  warnings.push(...portWarnings(all));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    const why = 'must be >= 0; negative values are invalid and will be treated as 1';
    warnings.push(`${field}.terminationGracePeriodSeconds: ${why}`);
  }
  return warnings;
}

type Placed = readonly [container: Container, path: string];

function containersOf(spec: PodSpec, field: string): Placed[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index): Placed => [container, `${field}.${list}[${index}]`]),
  );
}

/** A kind of storage that is there no more, or not for long; `at` is where the volume stands. */
export function oldSourceWarnings(volume: object | undefined, at: string): string[] {
  if (!volume) return [];
  return Object.entries(oldVolumes).flatMap(([source, why]) =>
    source in volume ? [`${at}.${volumeNames[source] ?? source}: ${why}`] : [],
  );
}

function volumeWarnings({ volumes = [] }: PodSpec, field: string): string[] {
  const warnings = volumes.flatMap((volume, index) => {
    const at = `${field}.volumes[${index}]`;
    const { requests, limits } = volume.ephemeral?.volumeClaimTemplate?.spec?.resources ?? {};
    const claim = `${at}.ephemeral.volumeClaimTemplate.spec.resources`;
    return [
      ...oldSourceWarnings(volume, at),
      ...fractionWarnings(requests, `${claim}.requests`, ['storage']),
      ...fractionWarnings(limits, `${claim}.limits`, ['storage']),
    ];
  });
  return [...warnings, ...tokenPaths(volumes, field)];
}

/** Files that stand where a token is put. */
function tokenPaths(volumes: NonNullable<PodSpec['volumes']>, field: string): string[] {
  const sources = volumes.flatMap(({ projected }, index) =>
    (projected?.sources ?? []).map((source) => ({ source, at: `${field}.volumes[${index}].projected.sources` })),
  );
  const tokens = new Set(sources.flatMap(({ source }) => source.serviceAccountToken?.path ?? []));
  if (tokens.size === 0) return [];
  const said = (path: string | undefined, at: string): string[] =>
    path !== undefined && tokens.has(path)
      ? [`${at}: has duplicated path with ServiceAccountToken ${JSON.stringify(path)}`]
      : [];
  return sources.flatMap(({ source: { configMap, secret, downwardAPI, clusterTrustBundle }, at }) => [
    ...(configMap?.items ?? []).flatMap(({ path }, index) => said(path, `${at}.configMap[${index}]`)),
    ...(secret?.items ?? []).flatMap(({ path }, index) => said(path, `${at}.secrets[${index}]`)),
    ...(downwardAPI?.items ?? []).flatMap(({ path }, index) => said(path, `${at}.downwardAPI[${index}]`)),
    ...said(clusterTrustBundle?.path, `${at}.ClusterTrustBundle`),
  ]);
}

/** A variable that is said again, unless it adds to what it was before. */
function hiddenVariables(env: NonNullable<Container['env']>, path: string): string[] {
  const said = new Set<string>();
  return env.flatMap(({ name, value = '', valueFrom }, index) => {
    const again = said.has(name);
    said.add(name);
    const before = `$(${name})`;
    if (!again || (!valueFrom && value !== before && value.includes(before))) return [];
    const why = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`;
    return [`${path}.env[${index}]: ${why}`];
  });
}

function portWarnings(containers: readonly Placed[]): string[] {
  const seen = new Map<string, { at: string; hostIP: string; hostPort: number }[]>();
  const warnings: string[] = [];
  for (const [{ ports = [] }, path] of containers) {
    ports.forEach(({ name = '', containerPort, protocol = 'TCP', hostIP = '', hostPort = 0 }, index) => {
      const at = `${path}.ports[${index}]`;
      if (hostIP !== '' && hostPort === 0) {
        const port = `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        warnings.push(`${at}: hostIP set without hostPort: ${port}`);
      }
      const key = `${containerPort}/${protocol}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const samePort = hostPort === other.hostPort;
        if (samePort && hostIP === other.hostIP) warnings.push(`${at}: duplicate port definition with ${other.at}`);
        else if (hostPort === 0 || other.hostPort === 0) {
          warnings.push(`${at}: overlapping port definition with ${other.at}`);
        } else if (samePort && (hostIP === '' || other.hostIP === '')) {
          warnings.push(`${at}: dangerously ambiguous port definition with ${other.at}`);
        }
      }
      seen.set(key, [...others, { at, hostIP, hostPort }]);
    });
  }
  return warnings;
}
