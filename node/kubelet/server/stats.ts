/** `/stats/summary` and `/metrics/resource`: what the node and its pods use, in the shapes that metrics servers read. */
import type { Pod } from '../../../master/api/types.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { availableMemory, diskOf, type Machine } from '../node/machine.ts';
import { newestOf } from '../pods/actions.ts';
import { containersOf, nameOf, namespaceOf, uidOf } from '../pods/pod.ts';

export interface StatsSource {
  readonly nodeName: string;
  readonly machine: Machine;
  readonly rootDirectory: string;
  readonly runtime: Runtime;
  readonly pods: () => readonly Pod[];
}

interface Usage {
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
}

interface ContainerUsage extends Usage {
  readonly name: string;
}

interface PodUsage {
  readonly pod: Pod;
  readonly containers: readonly ContainerUsage[];
}

export async function statsSummary(source: StatsSource): Promise<unknown> {
  const time = new Date().toISOString();
  const [pods, disk] = await Promise.all([podUsage(source), diskOf(source.rootDirectory)]);
  const total = sum(pods.flatMap(({ containers }) => containers));
  const available = availableMemory();
  const figures = ({ cpuNanoseconds, memoryBytes }: Usage): object => ({
    cpu: { time, usageCoreNanoSeconds: cpuNanoseconds },
    memory: { time, usageBytes: memoryBytes, workingSetBytes: memoryBytes },
  });
  return {
    node: {
      nodeName: source.nodeName,
      startTime: new Date(Date.now() - process.uptime() * 1000).toISOString(),
      cpu: { time, usageCoreNanoSeconds: total.cpuNanoseconds },
      memory: {
        time,
        availableBytes: available,
        usageBytes: source.machine.memoryBytes - available,
        workingSetBytes: source.machine.memoryBytes - available,
      },
      fs: { time, availableBytes: disk.free, capacityBytes: disk.total, usedBytes: disk.total - disk.free },
    },
    pods: pods.map(({ pod, containers }) => ({
      podRef: { name: nameOf(pod), namespace: namespaceOf(pod), uid: uidOf(pod) },
      startTime: pod.status?.startTime,
      containers: containers.map((container) => ({ name: container.name, ...figures(container) })),
      ...figures(sum(containers)),
    })),
  };
}

/** Prometheus text in the form of Kubernetes' resource metrics. */
export async function resourceMetrics(source: StatsSource): Promise<string> {
  const pods = await podUsage(source);
  const lines = [
    '# TYPE container_cpu_usage_seconds_total counter',
    '# TYPE container_memory_working_set_bytes gauge',
    '# TYPE pod_cpu_usage_seconds_total counter',
    '# TYPE pod_memory_working_set_bytes gauge',
  ];
  for (const { pod, containers } of pods) {
    const of = `namespace="${namespaceOf(pod)}",pod="${nameOf(pod)}"`;
    for (const { name, cpuNanoseconds, memoryBytes } of containers) {
      lines.push(`container_cpu_usage_seconds_total{container="${name}",${of}} ${cpuNanoseconds / 1e9}`);
      lines.push(`container_memory_working_set_bytes{container="${name}",${of}} ${memoryBytes}`);
    }
    const total = sum(containers);
    lines.push(`pod_cpu_usage_seconds_total{${of}} ${total.cpuNanoseconds / 1e9}`);
    lines.push(`pod_memory_working_set_bytes{${of}} ${total.memoryBytes}`);
  }
  return `${lines.join('\n')}\n`;
}

async function podUsage({ runtime, pods }: StatsSource): Promise<PodUsage[]> {
  const states = new Map((await runtime.listPods()).map((state) => [state.pod.uid, state]));
  const running = pods().flatMap((pod) => {
    const state = states.get(uidOf(pod));
    if (!state) return [];
    const containers = containersOf(pod).flatMap(({ name }) => {
      const newest = newestOf(state, name);
      return newest?.state === 'running' ? [{ name, id: newest.id }] : [];
    });
    return [{ pod, containers }];
  });
  const ids = running.flatMap(({ containers }) => containers.map(({ id }) => id));
  const used = new Map((await runtime.usage(ids)).map((usage) => [usage.containerId, usage]));
  return running.map(({ pod, containers }) => ({
    pod,
    containers: containers.flatMap(({ name, id }) => {
      const usage = used.get(id);
      return usage ? [{ name, cpuNanoseconds: usage.cpuNanoseconds, memoryBytes: usage.memoryBytes }] : [];
    }),
  }));
}

const sum = (usages: readonly Usage[]): Usage => ({
  cpuNanoseconds: usages.reduce((total, { cpuNanoseconds }) => total + cpuNanoseconds, 0),
  memoryBytes: usages.reduce((total, { memoryBytes }) => total + memoryBytes, 0),
});
