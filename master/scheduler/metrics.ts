/** What the scheduler tells of itself, under kube-scheduler's names. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { SchedulerCache } from './cache.ts';
import type { Place, SchedulingQueue } from './queue.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

const profile = 'default-scheduler';
const milliseconds = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192];

export class SchedulerMetrics {
  readonly registry = new Registry();
  readonly #attempts: Counter<'result' | 'profile'>;
  readonly #attemptSeconds: Histogram<'result' | 'profile'>;
  readonly #algorithmSeconds: Histogram;
  readonly #podSeconds: Histogram<'attempts'>;
  readonly #podAttempts: Histogram;
  readonly #incoming: Counter<'queue' | 'event'>;
  readonly #unschedulable: Counter<'plugin' | 'profile'>;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  readonly #leads: Gauge<'name'>;

  constructor() {
    const registers = [this.registry];
    this.#attempts = new Counter({
      name: 'scheduler_schedule_attempts_total',
      help: 'Number of attempts to schedule pods, by the result.',
      labelNames: ['result', 'profile'],
      registers,
    });
    this.#attemptSeconds = new Histogram({
      name: 'scheduler_scheduling_attempt_duration_seconds',
      help: 'Scheduling attempt latency in seconds (scheduling algorithm + binding).',
      labelNames: ['result', 'profile'],
      buckets: milliseconds,
      registers,
    });
    this.#algorithmSeconds = new Histogram({
      name: 'scheduler_scheduling_algorithm_duration_seconds',
      help: 'Scheduling algorithm latency in seconds.',
      buckets: [0.00005, 0.0001, 0.0002, 0.0005, ...milliseconds],
      registers,
    });
    this.#podSeconds = new Histogram({
      name: 'scheduler_pod_scheduling_sli_duration_seconds',
      help: 'End to end latency of a pod being scheduled, from its entering the queue, in seconds.',
      labelNames: ['attempts'],
      buckets: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84],
      registers,
    });
    this.#podAttempts = new Histogram({
      name: 'scheduler_pod_scheduling_attempts',
      help: 'Number of attempts to successfully schedule a pod.',
      buckets: [1, 2, 4, 8, 16],
      registers,
    });
    this.#incoming = new Counter({
      name: 'scheduler_queue_incoming_pods_total',
      help: 'Number of pods added to scheduling queues by event and queue type.',
      labelNames: ['queue', 'event'],
      registers,
    });
    this.#unschedulable = new Counter({
      name: 'scheduler_unschedulable_pods_total',
      help: 'Number of attempts in which a plugin refused a node of a pod that fitted nowhere.',
      labelNames: ['plugin', 'profile'],
      registers,
    });
    this.#preemptions = new Counter({
      name: 'scheduler_preemption_attempts_total',
      help: 'Total preemption attempts in the cluster till now.',
      registers,
    });
    this.#victims = new Histogram({
      name: 'scheduler_preemption_victims',
      help: 'Number of selected preemption victims.',
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    });
    this.#leads = new Gauge({
      name: 'leader_election_master_status',
      help: 'Whether this process leads: 1 if it does.',
      labelNames: ['name'],
      registers,
    });
    this.#leads.set({ name: 'kube-scheduler' }, 0);
  }

  /** Sizes that are read when somebody asks. */
  watch(queue: SchedulingQueue, cache: SchedulerCache): void {
    const registers = [this.registry];
    new Gauge({
      name: 'scheduler_pending_pods',
      help: 'Number of pending pods, by the queue type.',
      labelNames: ['queue'],
      registers,
      collect() {
        for (const [place, count] of Object.entries(queue.counts())) this.set({ queue: place }, count);
      },
    });
    new Gauge({
      name: 'scheduler_scheduler_cache_size',
      help: 'Number of nodes, pods, and assumed (bound) pods in the scheduler cache.',
      labelNames: ['type'],
      registers,
      collect() {
        for (const [type, count] of Object.entries(cache.counts())) this.set({ type }, count);
      },
    });
  }

  entered(place: Place, event: string): void {
    this.#incoming.inc({ queue: place, event });
  }

  chosen(seconds: number): void {
    this.#algorithmSeconds.observe(seconds);
  }

  attempted(result: AttemptResult, seconds: number): void {
    this.#attempts.inc({ result, profile });
    this.#attemptSeconds.observe({ result, profile }, seconds);
  }

  /** Room is made for a pod, at the cost of so many others. */
  preempted(victims: number): void {
    this.#preemptions.inc();
    this.#victims.observe(victims);
  }

  refused(plugins: Iterable<string>): void {
    for (const plugin of plugins) this.#unschedulable.inc({ plugin, profile });
  }

  scheduled(attempts: number, seconds: number): void {
    this.#podAttempts.observe(attempts);
    this.#podSeconds.observe({ attempts: attempts > 15 ? '16+' : String(attempts) }, seconds);
  }

  leads(isLeader: boolean): void {
    this.#leads.set({ name: 'kube-scheduler' }, isLeader ? 1 : 0);
  }
}
