/** The checks of the level `baseline` (Kubernetes, "Pod Security Standards"): what lets a pod out of its container. */
import type { Container, PodSpec, Probe } from '../../../api/types.ts';
import { containersOf } from '../pod-containers.ts';
import {
  type Check,
  containersThat,
  type Finding,
  hasUserNamespace,
  named,
  plural,
  quoted,
  setters,
  sortedSet,
} from './words.ts';

const apparmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';
const seccompAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerSeccompAnnotation = 'container.seccomp.security.alpha.kubernetes.io/';

const defaultCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const profiles = new Set(['RuntimeDefault', 'Localhost']);
export const isProfile = (type: string | undefined): boolean => type === undefined || profiles.has(type);

export const appArmor: Check = (spec, annotations) => {
  const isBad = (container: Container): boolean => !isProfile(container.securityContext?.appArmorProfile?.type);
  const ofPod = spec.securityContext?.appArmorProfile?.type;
  const values = containersOf(spec)
    .filter(isBad)
    .map(({ securityContext }) => securityContext?.appArmorProfile?.type ?? '');
  if (!isProfile(ofPod)) values.push(ofPod ?? '');
  const old = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(apparmorAnnotation) && !isAppArmorValue(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const who = [setters(spec, !isProfile(ofPod), isBad), old.length > 0 ? plural('annotation', old.length) : ''];
  const bad = [...sortedSet(values), ...old];
  if (bad.length === 0) return undefined;
  return {
    reason: plural('forbidden AppArmor profile', bad.length),
    detail: `${who.filter((part) => part !== '').join(' and ')} must not set AppArmor profile type to ${quoted(bad)}`,
  };
};

const isAppArmorValue = (value: string): boolean =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/');

export const capabilities: Check = (spec) => {
  const added = ({ securityContext }: Container): string[] =>
    (securityContext?.capabilities?.add ?? []).filter((name) => !defaultCapabilities.has(name));
  const bad = containersThat(spec, (container) => added(container).length > 0);
  if (bad.length === 0) return undefined;
  const which = quoted(sortedSet(containersOf(spec).flatMap(added)));
  return {
    reason: 'non-default capabilities',
    detail: `${named('container', bad)} must not include ${which} in securityContext.capabilities.add`,
  };
};

export const hostNamespaces: Check = (spec) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
  if (shared.length === 0) return undefined;
  return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
};

export const hostPathVolumes: Check = ({ volumes = [] }) => {
  const bad = volumes.filter(({ hostPath }) => hostPath).map(({ name }) => name);
  return bad.length === 0 ? undefined : { reason: 'hostPath volumes', detail: named('volume', bad) };
};

export const hostPorts: Check = (spec) => {
  const portsOf = ({ ports = [] }: Container): string[] =>
    ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  return used(spec, portsOf, 'hostPort', (ports) => ports.join(', '), 'hostPort');
};

export const hostProbes: Check = (spec) => {
  type Handler = Pick<Probe, 'httpGet' | 'tcpSocket'> | undefined;
  const hosts = (handler: Handler): string[] =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].flatMap((host) => host || []);
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): string[] =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(hosts);
  return used(spec, hostsOf, 'probe or lifecycle host', quoted, 'probe or lifecycle host', true);
};

/** `container "a" uses hostPort 80`. */
function used(
  spec: PodSpec,
  of: (container: Container) => string[],
  what: string,
  text: (items: readonly string[]) => string,
  reason: string,
  sorted = false,
): Finding | undefined {
  const bad = containersThat(spec, (container) => of(container).length > 0);
  if (bad.length === 0) return undefined;
  const items = sortedSet(containersOf(spec).flatMap(of));
  const names = sorted ? sortedSet(bad) : bad;
  const verb = names.length === 1 ? 'uses' : 'use';
  return { reason, detail: `${named('container', names)} ${verb} ${plural(what, items.length)} ${text(items)}` };
}

export const privileged: Check = (spec) => {
  const bad = containersThat(spec, ({ securityContext }) => securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return { reason: 'privileged', detail: `${named('container', bad)} must not set securityContext.privileged=true` };
};

export const procMount: Check = (spec) => {
  const typeOf = ({ securityContext }: Container): string => securityContext?.procMount ?? 'Default';
  const bad = containersOf(spec).filter((container) => typeOf(container) !== 'Default');
  if (bad.length === 0) return undefined;
  const names = bad.map(({ name }) => name);
  const types = quoted(sortedSet(bad.map(typeOf)));
  return {
    reason: 'procMount',
    detail: `${named('container', names)} must not set securityContext.procMount to ${types}`,
  };
};

export const procMountUnlessUserNamespace: Check = (spec, annotations) =>
  hasUserNamespace(spec) ? undefined : procMount(spec, annotations);

type SeLinuxOptions = NonNullable<NonNullable<PodSpec['securityContext']>['seLinuxOptions']>;

export const seLinuxOptions =
  (allowedTypes: ReadonlySet<string>): Check =>
  (spec) => {
    const isBad = ({ type = '', user, role }: SeLinuxOptions): boolean =>
      (type !== '' && !allowedTypes.has(type)) || Boolean(user) || Boolean(role);
    const ofPod = spec.securityContext?.seLinuxOptions;
    const ofContainers = containersOf(spec).map(({ securityContext }) => securityContext?.seLinuxOptions);
    const bad = [ofPod, ...ofContainers].filter((options) => options !== undefined && isBad(options));
    if (bad.length === 0) return undefined;
    const who = setters(spec, ofPod !== undefined && isBad(ofPod), ({ securityContext }) => {
      const options = securityContext?.seLinuxOptions;
      return options !== undefined && isBad(options);
    });
    const types = sortedSet(
      bad.flatMap((options) => options?.type ?? []).filter((type) => type !== '' && !allowedTypes.has(type)),
    );
    const what = [
      ...(types.length > 0 ? [`${plural('type', types.length)} ${quoted(types)}`] : []),
      ...(bad.some((options) => options?.user) ? ['user may not be set'] : []),
      ...(bad.some((options) => options?.role) ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${who} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
    };
  };

export const seccompAnnotations: Check = (spec, annotations) => {
  const keys = [seccompAnnotation, ...containersOf(spec).map(({ name }) => containerSeccompAnnotation + name)];
  const bad = keys.flatMap((key) => {
    const value = annotations[key];
    const allowed =
      value === undefined ||
      value === 'runtime/default' ||
      value === 'docker/default' ||
      value.startsWith('localhost/');
    return allowed ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  if (bad.length === 0) return undefined;
  const detail = `forbidden ${plural('annotation', bad.length)} ${sortedSet(bad).join(', ')}`;
  return { reason: 'seccompProfile', detail };
};

export const seccompProfile: Check = (spec) => {
  const typeOf = ({ securityContext }: Pick<Container, 'securityContext'>) => securityContext?.seccompProfile?.type;
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const who = setters(spec, !isProfile(ofPod), (container) => !isProfile(typeOf(container)));
  if (who === '') return undefined;
  const values = [ofPod, ...containersOf(spec).map(typeOf)].filter((type) => type !== undefined && !isProfile(type));
  return {
    reason: 'seccompProfile',
    detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(sortedSet(values.map(String)))}`,
  };
};

export const sysctls =
  (allowed: ReadonlySet<string>): Check =>
  ({ securityContext }) => {
    const bad = (securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.has(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };

export const windowsHostProcess: Check = (spec) => {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess === true;
  const who = setters(spec, ofPod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  if (who === '') return undefined;
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
};
