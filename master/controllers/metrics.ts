/** The metrics of the controller manager, under kube-controller-manager's names. One registry for the process. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Reconcile } from '../api/controller.ts';
import type { WorkQueue } from '../api/workqueue.ts';

export class ControllerMetrics {
  readonly registry = new Registry();
  readonly #queues = new Map<string, WorkQueue>();

  readonly running = this.#gauge(
    'running_managed_controllers',
    'Indicates where instances of a controller are currently running',
    ['manager', 'name'],
  );
  readonly unhealthyNodes = this.#gauge(
    'node_collector_unhealthy_nodes_in_zone',
    'Gauge measuring number of not Ready Nodes per zones.',
    ['zone'],
  );
  readonly zoneSize = this.#gauge('node_collector_zone_size', 'Gauge measuring number of registered Nodes per zones.', [
    'zone',
  ]);
  readonly zoneHealth = this.#gauge(
    'node_collector_zone_health',
    'Gauge measuring percentage of healthy nodes per zone.',
    ['zone'],
  );
  readonly nodeEvictions = this.#counter(
    'node_collector_evictions_total',
    'Number of Node evictions that happened since current instance of NodeController started.',
    ['zone'],
  );
  readonly taintDeletions = this.#counter(
    'taint_eviction_controller_pod_deletions_total',
    'Total number of Pods deleted by TaintEvictionController since its start.',
  );
  readonly podGcDeletions = this.#counter(
    'pod_gc_collector_force_delete_pods_total',
    'Number of pods that are being forcefully deleted since the Pod GC Controller started.',
    ['namespace', 'reason'],
  );
  readonly cidrAllocations = this.#counter(
    'node_ipam_controller_cidrset_cidrs_allocations_total',
    'Counter measuring total number of CIDR allocations.',
    ['clusterCIDR'],
  );
  readonly cidrReleases = this.#counter(
    'node_ipam_controller_cidrset_cidrs_releases_total',
    'Counter measuring total number of CIDR releases.',
    ['clusterCIDR'],
  );
  readonly cidrUsage = this.#gauge(
    'node_ipam_controller_cidrset_usage_cidrs',
    'Gauge measuring percentage of allocated CIDRs.',
    ['clusterCIDR'],
  );
  readonly gcDeletions = this.#counter(
    'garbagecollector_controller_deletions_total',
    'Number of objects deleted because their owners are gone.',
    ['resource'],
  );
  readonly sliceChanges = this.#counter('endpoint_slice_controller_changes', 'Number of EndpointSlice changes', [
    'operation',
  ]);
  readonly certificatesSigned = this.#counter(
    'csr_signing_controller_certificates_total',
    'Number of certificates that were signed.',
    ['signer'],
  );
  readonly #work = this.#histogram(
    'workqueue_work_duration_seconds',
    'How long in seconds processing an item from workqueue takes.',
    ['name'],
  );
  readonly #retries = this.#counter('workqueue_retries_total', 'Total number of retries handled by workqueue', [
    'name',
  ]);

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    const queues = this.#queues;
    new Gauge({
      name: 'workqueue_depth',
      help: 'Current depth of workqueue',
      labelNames: ['name'],
      registers: [this.registry],
      collect() {
        for (const [name, queue] of queues) this.set({ name }, queue.length);
      },
    });
  }

  /** leader_election_master_status: 1 while this process leads. */
  watchElection(name: string, leads: () => boolean): void {
    new Gauge({
      name: 'leader_election_master_status',
      help: 'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.',
      labelNames: ['name'],
      registers: [this.registry],
      collect() {
        this.set({ name }, leads() ? 1 : 0);
      },
    });
  }

  /** A queue of the same name replaces the one of the last term. */
  watchQueue(queue: WorkQueue): void {
    this.#queues.set(queue.name, queue);
  }

  /** The same reconcile, its duration and failures counted. */
  measured(name: string, reconcile: Reconcile): Reconcile {
    return async (key, signal) => {
      const end = this.#work.startTimer({ name });
      try {
        return await reconcile(key, signal);
      } catch (error) {
        this.#retries.inc({ name });
        throw error;
      } finally {
        end();
      }
    };
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram(name: string, help: string, labelNames: string[] = []): Histogram {
    const buckets = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}
