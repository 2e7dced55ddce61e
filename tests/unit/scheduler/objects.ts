/** Nodes and pods for the scheduler's tests, with as little said as possible. */
import type { Node, Pod } from '../../../master/api/types.ts';
import type { Algorithm } from '../../../master/scheduler/algorithm.ts';
import type { SchedulerCache } from '../../../master/scheduler/cache.ts';
import { diagnosisOf } from '../../../master/scheduler/diagnosis.ts';
import { type PodInfo, podInfo } from '../../../master/scheduler/pod-info.ts';
import { preempt } from '../../../master/scheduler/preemption.ts';

export interface NodeWishes {
  cpu?: string;
  memory?: string;
  pods?: string;
  labels?: Record<string, string>;
  taints?: NonNullable<Node['spec']>['taints'];
  unschedulable?: boolean;
  images?: { names: string[]; sizeBytes: number }[];
}

export function node(name: string, wishes: NodeWishes = {}): Node {
  const { cpu = '4', memory = '8Gi', pods = '110', labels, taints, unschedulable, images } = wishes;
  return {
    metadata: { name, labels },
    spec: { taints, unschedulable },
    status: { allocatable: { cpu, memory, pods }, images },
  };
}

export interface PodWishes {
  cpu?: string;
  memory?: string;
  owner?: string;
  uid?: string;
  nodeName?: string;
  hostPort?: number;
  image?: string;
  spec?: Partial<NonNullable<Pod['spec']>>;
}

export function pod(name: string, wishes: PodWishes = {}): Pod {
  const { cpu, memory, owner, uid = name, nodeName, hostPort, image, spec } = wishes;
  const requests: Record<string, string> = {};
  if (cpu) requests.cpu = cpu;
  if (memory) requests.memory = memory;
  const reference = { apiVersion: 'v1', kind: 'ReplicationController', name: 'rc', uid: owner ?? '', controller: true };
  return {
    metadata: { namespace: 'default', name, uid, ownerReferences: owner ? [reference] : undefined },
    spec: {
      nodeName,
      containers: [
        { name: 'c', image, resources: { requests }, ports: hostPort ? [{ containerPort: 80, hostPort }] : [] },
      ],
      ...spec,
    },
  };
}

export const info = (name: string, wishes: PodWishes = {}): PodInfo => podInfo(pod(name, wishes));

/** Where the pod goes, or why nowhere. */
export function outcome(algorithm: Algorithm, wanted: PodInfo, cache: SchedulerCache): string {
  const choice = algorithm.choose(wanted, cache);
  if ('node' in choice) return choice.node;
  return diagnosisOf(choice.refused, preempt(wanted, choice.refused, cache, algorithm, [])).message;
}
