/** What the engine is asked to create, made from the kubelet's configuration. Pure. */
import type { ContainerCreateOptions, HostConfig, PortMap } from 'dockerode';
import type { ContainerConfig, Mount, PortMapping, Resources, SandboxConfig, SecurityConfig } from '../runtime.ts';
import { containerName, labels, podLabels, types } from './labels.ts';

/** The scheduling period against which a processor limit is counted, as Kubernetes has it. */
const cpuPeriodMicroseconds = 100_000;
/** The smallest share of a period that the kernel takes. */
const smallestQuotaMicroseconds = 1_000;

export interface Place {
  readonly node: string;
  readonly sandboxImage: string;
  readonly network: string;
}

export function sandboxOptions(config: SandboxConfig, place: Place): ContainerCreateOptions {
  const ports = config.hostNetwork ? [] : config.portMappings;
  return {
    name: containerName('POD', config.pod, config.attempt),
    Image: place.sandboxImage,
    ...(config.hostNetwork ? {} : { Hostname: config.hostname }),
    Labels: {
      ...podLabels(place.node, config.pod),
      [labels.type]: types.sandbox,
      [labels.containerName]: 'POD',
      [labels.attempt]: String(config.attempt),
    },
    ExposedPorts: Object.fromEntries(ports.map((port) => [portKey(port), {}])),
    HostConfig: {
      NetworkMode: config.hostNetwork ? 'host' : place.network,
      IpcMode: config.hostIpc ? 'host' : 'shareable',
      ...(config.hostPid ? { PidMode: 'host' } : {}),
      PortBindings: portBindings(ports),
      Sysctls: { ...config.sysctls },
      SecurityOpt: ['seccomp=unconfined'],
      RestartPolicy: { Name: 'no' },
    },
  };
}

/** Without limits where `limits` is false: for engines that have no way to set them. */
export function containerOptions(
  sandboxId: string,
  config: ContainerConfig,
  place: Place,
  limits: boolean,
): ContainerCreateOptions {
  const { pod, security } = config;
  return {
    name: containerName(config.name, pod, config.attempt),
    Image: config.image,
    ...(config.command ? { Entrypoint: [...config.command] } : {}),
    ...(config.args ? { Cmd: [...config.args] } : {}),
    ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
    ...(security.user === undefined ? {} : { User: security.user }),
    ...(config.stopSignal ? { StopSignal: config.stopSignal } : {}),
    Env: config.env.map(({ name, value }) => `${name}=${value}`),
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Labels: {
      ...podLabels(place.node, pod),
      [labels.type]: types.container,
      [labels.containerName]: config.name,
      [labels.sandboxId]: sandboxId,
      [labels.attempt]: String(config.attempt),
      [labels.hash]: config.hash,
      [labels.grace]: String(config.gracePeriodSeconds),
      [labels.image]: config.image,
      ...(config.terminationMessageFile ? { [labels.messageFile]: config.terminationMessageFile } : {}),
    },
    HostConfig: {
      NetworkMode: `container:${sandboxId}`,
      IpcMode: `container:${sandboxId}`,
      ...(config.shareProcesses || config.processesOf
        ? { PidMode: `container:${config.processesOf ?? sandboxId}` }
        : {}),
      Binds: config.mounts.map(bind),
      RestartPolicy: { Name: 'no' },
      ...securityOptions(security),
      ...(limits ? limitOptions(config.resources) : {}),
    },
  };
}

function securityOptions(security: SecurityConfig): HostConfig {
  return {
    Privileged: security.privileged,
    ReadonlyRootfs: security.readOnlyRootFilesystem,
    GroupAdd: [...security.groups],
    CapAdd: [...security.addCapabilities],
    CapDrop: [...security.dropCapabilities],
    SecurityOpt: ['seccomp=unconfined', ...(security.noNewPrivileges ? ['no-new-privileges'] : [])],
  };
}

function limitOptions(resources: Resources): HostConfig {
  const limits: HostConfig = {};
  if (resources.cpuShares !== undefined) limits.CpuShares = resources.cpuShares;
  if (resources.cpuLimitMilli !== undefined) {
    limits.CpuPeriod = cpuPeriodMicroseconds;
    const quota = Math.ceil((resources.cpuLimitMilli * cpuPeriodMicroseconds) / 1000);
    limits.CpuQuota = Math.max(quota, smallestQuotaMicroseconds);
  }
  if (resources.memoryLimitBytes !== undefined) {
    limits.Memory = resources.memoryLimitBytes;
    // Equal to the memory limit: no swap, as Kubernetes gives none by default.
    limits.MemorySwap = resources.memoryLimitBytes;
  }
  return limits;
}

function bind(mount: Mount): string {
  const options = [mount.readOnly ? 'ro' : 'rw', ...(mount.propagation ? [mount.propagation] : [])];
  return `${mount.source}:${mount.target}:${options.join(',')}`;
}

function portBindings(ports: readonly PortMapping[]): PortMap {
  return Object.fromEntries(
    ports.map((port) => [portKey(port), [{ HostIp: port.hostIp ?? '', HostPort: String(port.hostPort) }]]),
  );
}

const portKey = (port: PortMapping): string => `${port.containerPort}/${port.protocol.toLowerCase()}`;
