/** A container of a pod as the runtime is told to make it. Pure. */
import { createHash } from 'node:crypto';
import { milliValue, quantityToNumber } from '../../../master/api/quantity.ts';
import type { Container, Pod } from '../../../master/api/types.ts';
import type {
  ContainerConfig,
  Mount,
  PortMapping,
  Resources,
  SandboxConfig,
  SecurityConfig,
} from '../../runtime/runtime.ts';
import { ConfigError, type Variable } from './environment.ts';
import { expand } from './expand.ts';
import { allContainersOf, identityOf, specOf } from './pod.ts';

/** Of the definition's parts that need a new container when they change: the name and the image, as in Kubernetes. */
export const hashOf = (container: Container): string =>
  createHash('sha256')
    .update(JSON.stringify([container.name, container.image]))
    .digest('hex')
    .slice(0, 16);

export interface ContainerParts {
  readonly attempt: number;
  readonly variables: readonly Variable[];
  readonly mounts: readonly Mount[];
  readonly terminationMessageFile?: string;
  readonly processesOf?: string;
}

export function containerConfig(pod: Pod, container: Container, parts: ContainerParts): ContainerConfig {
  const spec = specOf(pod);
  const values = new Map(parts.variables.map(({ name, value }) => [name, value]));
  const expanded = (texts: readonly string[]): string[] =>
    texts.map((text) => expand(text, (name) => values.get(name)));
  return {
    pod: identityOf(pod),
    name: container.name,
    attempt: parts.attempt,
    hash: hashOf(container),
    image: container.image ?? '',
    ...(container.command?.length ? { command: expanded(container.command) } : {}),
    ...(container.args?.length ? { args: expanded(container.args) } : {}),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: parts.variables,
    mounts: parts.mounts,
    tty: container.tty ?? false,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    ...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal } : {}),
    resources: resourcesOf(container),
    security: securityOf(pod, container),
    shareProcesses: spec.shareProcessNamespace ?? false,
    ...(parts.processesOf ? { processesOf: parts.processesOf } : {}),
    gracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    ...(parts.terminationMessageFile ? { terminationMessageFile: parts.terminationMessageFile } : {}),
  };
}

export function sandboxConfig(
  pod: Pod,
  attempt: number,
  hostname: string,
  resolvConf: string | undefined,
): SandboxConfig {
  const spec = specOf(pod);
  return {
    pod: identityOf(pod),
    attempt,
    hostname,
    hostNetwork: spec.hostNetwork ?? false,
    hostPid: spec.hostPID ?? false,
    hostIpc: spec.hostIPC ?? false,
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value])),
    portMappings: allContainersOf(pod).flatMap(portMappings),
    ...(resolvConf === undefined ? {} : { resolvConf }),
    annotations: pod.metadata?.annotations ?? {},
  };
}

/** The kernel takes 63 characters; a longer name of a pod is cut, and does not end on a dash or a dot. */
export const hostnameOf = (pod: Pod): string =>
  pod.spec?.hostnameOverride || (pod.spec?.hostname || pod.metadata?.name || '').slice(0, 63).replace(/[-.]+$/, '');

function portMappings({ ports = [] }: Container): PortMapping[] {
  return ports.flatMap(({ containerPort, hostPort, hostIP, protocol = 'TCP' }) => {
    if (!hostPort || (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')) return [];
    return [{ protocol, containerPort, hostPort, ...(hostIP ? { hostIp: hostIP } : {}) }];
  });
}

/** The kernel's smallest weight, and the weight of one core. */
const minShares = 2;
const sharesPerCore = 1024;

function resourcesOf({ resources }: Container): Resources {
  const limit = resources?.limits ?? {};
  const cpu = resources?.requests?.cpu ?? limit.cpu;
  return {
    cpuShares: Math.max(minShares, cpu === undefined ? 0 : Math.floor((milliValue(cpu) * sharesPerCore) / 1000)),
    ...(limit.cpu === undefined ? {} : { cpuLimitMilli: milliValue(limit.cpu) }),
    ...(limit.memory === undefined ? {} : { memoryLimitBytes: Math.ceil(quantityToNumber(limit.memory)) }),
  };
}

function securityOf(pod: Pod, container: Container): SecurityConfig {
  const ofPod = pod.spec?.securityContext ?? {};
  const own = container.securityContext ?? {};
  const user = own.runAsUser ?? ofPod.runAsUser;
  const group = own.runAsGroup ?? ofPod.runAsGroup;
  if ((own.runAsNonRoot ?? ofPod.runAsNonRoot) && user === 0) {
    throw new ConfigError("container's runAsUser breaks non-root policy");
  }
  const groups = [...(ofPod.supplementalGroups ?? []), ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup])];
  return {
    ...(user === undefined ? {} : { user: group === undefined ? String(user) : `${user}:${group}` }),
    groups: groups.map(String),
    privileged: own.privileged ?? false,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
  };
}
