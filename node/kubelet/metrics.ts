/** The kubelet's metrics, under Kubernetes' names. One set for the process, whatever the number of its nodes. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface KubeletMetrics {
  readonly registry: Registry;
  readonly runningPods: Gauge;
  readonly runningContainers: Gauge<'container_state'>;
  readonly relistSeconds: Histogram;
  readonly podSyncSeconds: Histogram;
  readonly leaseFailures: Counter;
  readonly podSyncErrors: Counter;
}

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(): KubeletMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    runningPods: new Gauge({
      name: 'kubelet_running_pods',
      help: 'Number of pods that have a running pod sandbox.',
      registers,
    }),
    runningContainers: new Gauge({
      name: 'kubelet_running_containers',
      help: 'Number of containers by state.',
      labelNames: ['container_state'],
      registers,
    }),
    relistSeconds: new Histogram({
      name: 'kubelet_pleg_relist_duration_seconds',
      help: 'How long it takes to list all pods of the runtime.',
      buckets: seconds,
      registers,
    }),
    podSyncSeconds: new Histogram({
      name: 'kubelet_pod_worker_duration_seconds',
      help: 'How long one sync of a pod takes.',
      buckets: seconds,
      registers,
    }),
    leaseFailures: new Counter({
      name: 'kubelet_lease_renewal_failures_total',
      help: "Renewals of the node's lease that failed.",
      registers,
    }),
    podSyncErrors: new Counter({
      name: 'kubelet_pod_sync_errors_total',
      help: 'Syncs of pods that failed.',
      registers,
    }),
  };
}
