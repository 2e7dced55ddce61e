/** The Node object of a kubelet: what it registers and what it reports again and again. Pure. */
import { nowSeconds, setCondition } from '../../../master/api/meta.ts';
import { formatCpu } from '../../../master/api/quantity.ts';
import type { Node, NodeCondition, Taint } from '../../../master/api/types.ts';
import type { ImageInfo } from '../../runtime/runtime.ts';
import type { Machine } from './machine.ts';

export const kubeletVersion = 'v1.36.0+trimaster';

export interface NodeIdentity {
  readonly name: string;
  readonly ip: string;
  /** What the API server is to reach the kubelet by, where that is not the node's name. */
  readonly hostnameAddress: string;
  readonly kubeletPort: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly maxPods: number;
  /** Takes the place of what the machine has, by resource name. */
  readonly capacity: Readonly<Record<string, string>>;
  readonly machine: Machine;
}

/** What changes from report to report. */
export interface NodeFindings {
  readonly now: number;
  readonly runtimeVersion: string;
  readonly images: readonly ImageInfo[];
  readonly disk: { readonly total: number; readonly free: number };
  readonly availableMemoryBytes: number;
  /** Why the node is not ready; undefined when it is. */
  readonly trouble: string | undefined;
}

/** Kept free for the system: Kubernetes' default threshold of hard eviction. */
const reservedMemoryBytes = 100 * 1024 * 1024;
/** Kubernetes' default: pressure below a tenth of the disk. */
const leastFreeDisk = 0.1;
const mostImages = 50;

/** The Node as it is registered: unscheduled things are left to the control plane. */
export function newNode(identity: NodeIdentity): Node {
  return {
    metadata: {
      name: identity.name,
      labels: ownLabels(identity),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: identity.taints.length > 0 ? { taints: identity.taints.map((taint) => ({ ...taint })) } : {},
  };
}

export function ownLabels({ name, labels, machine }: NodeIdentity): Record<string, string> {
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': machine.architecture,
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': machine.architecture,
    ...labels,
  };
}

/** The Node's next status; conditions of others are kept. */
export function nodeStatus(
  identity: NodeIdentity,
  findings: NodeFindings,
  previous: Node['status'],
): NonNullable<Node['status']> {
  const { machine } = identity;
  const capacity = {
    cpu: formatCpu(machine.cpuMilli),
    memory: kibibytes(machine.memoryBytes),
    'ephemeral-storage': kibibytes(findings.disk.total),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    pods: String(identity.maxPods),
    ...identity.capacity,
  };
  const memory = identity.capacity.memory ?? kibibytes(Math.max(0, machine.memoryBytes - reservedMemoryBytes));
  return {
    addresses: [
      { type: 'InternalIP', address: identity.ip },
      { type: 'Hostname', address: identity.hostnameAddress },
    ],
    capacity,
    allocatable: { ...capacity, memory },
    conditions: conditionsOf(findings, previous?.conditions ?? []),
    daemonEndpoints: { kubeletEndpoint: { Port: identity.kubeletPort } },
    images: [...findings.images]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, mostImages)
      .map(({ names, sizeBytes }) => ({ names: [...names], sizeBytes })),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootId,
      containerRuntimeVersion: findings.runtimeVersion,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: machine.machineId,
      operatingSystem: 'linux',
      osImage: machine.osImage,
      systemUUID: machine.systemUuid,
    },
  };
}

function conditionsOf(findings: NodeFindings, previous: readonly NodeCondition[]): NodeCondition[] {
  const { now, disk, trouble } = findings;
  const lowMemory = findings.availableMemoryBytes < reservedMemoryBytes;
  const lowDisk = disk.total > 0 && disk.free / disk.total < leastFreeDisk;
  const verdicts: [type: string, status: boolean, reason: string, message: string][] = [
    pressure(
      'MemoryPressure',
      lowMemory,
      'KubeletHasInsufficientMemory',
      'KubeletHasSufficientMemory',
      'memory available',
    ),
    pressure('DiskPressure', lowDisk, 'KubeletHasDiskPressure', 'KubeletHasNoDiskPressure', 'disk pressure'),
    pressure('PIDPressure', false, 'KubeletHasInsufficientPID', 'KubeletHasSufficientPID', 'PID available'),
    [
      'Ready',
      trouble === undefined,
      trouble === undefined ? 'KubeletReady' : 'KubeletNotReady',
      trouble ?? 'kubelet is posting ready status',
    ],
  ];
  return verdicts.reduce<NodeCondition[]>(
    (conditions, [type, status, reason, message]) => {
      const at = nowSeconds(now);
      const condition = { type, status: status ? 'True' : 'False', lastHeartbeatTime: at, reason, message };
      return setCondition(conditions, condition, at);
    },
    [...previous],
  );
}

function pressure(
  type: string,
  low: boolean,
  badReason: string,
  goodReason: string,
  what: string,
): [string, boolean, string, string] {
  const enough = type === 'DiskPressure' ? 'kubelet has no disk pressure' : `kubelet has sufficient ${what}`;
  const short = type === 'DiskPressure' ? 'kubelet has disk pressure' : `kubelet has insufficient ${what}`;
  return [type, low, low ? badReason : goodReason, low ? short : enough];
}

const kibibytes = (bytes: number): string => `${Math.floor(bytes / 1024)}Ki`;
