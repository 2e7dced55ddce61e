/**
 * One worker for each pod: syncs of one pod never overlap, those of different pods run side by side.
 *
 * Level-triggered: a worker is told that something changed, never what. Changes that come while it works make it work once more. A
 * sync that fails is tried again after a delay that doubles. A deletion that is to go faster than the one under way interrupts it.
 */
import type { Clock, Timer } from '../../../master/api/clock.ts';
import type { Logger } from '../../../master/api/logging.ts';
import type { Pod } from '../../../master/api/types.ts';
import { gracePeriodOf, isTerminating, uidOf } from './pod.ts';
import type { WaitingReason } from './status.ts';

/** What the kubelet remembers of a pod between two syncs. Nothing in it is needed after a restart. */
export interface PodMemory {
  admitted: boolean;
  rejected?: WaitingReason;
  /** It has run for longer than it may: it is ended, and has failed for this. */
  overdue?: Required<WaitingReason>;
  /** Everything of the pod has been stopped and removed. */
  removed: boolean;
  /** Why containers that should run do not. */
  readonly waiting: Map<string, WaitingReason>;
  /** Until when a container that could not be started is not tried again, however often the pod changes. */
  readonly held: Map<string, number>;
}

export interface PodWork {
  readonly uid: string;
  /** The latest version from the API; undefined for leftovers of a pod that this kubelet never saw there. */
  readonly pod: Pod | undefined;
  /** The API has no such pod (any more). */
  readonly gone: boolean;
  readonly memory: PodMemory;
}

export interface SyncOutcome {
  /** Work again after this long, although nothing changes. */
  readonly requeueAfterMs?: number;
  /** The pod is gone and nothing is left of it. */
  readonly done?: boolean;
}

export interface PodWorkersOptions {
  readonly sync: (work: PodWork, signal: AbortSignal) => Promise<SyncOutcome>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const firstRetryMs = 500;
const longestRetryMs = 10_000;

export class PodWorkers {
  readonly #options: PodWorkersOptions;
  readonly #workers = new Map<string, Worker>();

  constructor(options: PodWorkersOptions) {
    this.#options = options;
  }

  /** A version of the pod from the API. */
  set(pod: Pod): void {
    this.#worker(uidOf(pod)).set(pod);
  }

  /** The API has the pod no more. */
  gone(pod: Pod): void {
    const worker = this.#workers.get(uidOf(pod));
    worker?.setGone();
  }

  /** The runtime has something of a pod that the API does not have. */
  orphan(uid: string): void {
    if (!this.#workers.has(uid)) this.#worker(uid).setGone();
  }

  has(uid: string): boolean {
    return this.#workers.has(uid);
  }

  /** Something that the pod's state depends on has changed. */
  poke(uid: string): void {
    this.#workers.get(uid)?.poke();
  }

  pokeAll(): void {
    for (const worker of this.#workers.values()) worker.poke();
  }

  get(uid: string): PodWork | undefined {
    return this.#workers.get(uid)?.work;
  }

  all(): PodWork[] {
    return [...this.#workers.values()].map(({ work }) => work);
  }

  /** Interrupts all syncs and resolves when they have ended. Pods are left as they are. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers.values()].map((worker) => worker.close()));
    this.#workers.clear();
  }

  #worker(uid: string): Worker {
    const known = this.#workers.get(uid);
    if (known) return known;
    const worker = new Worker(uid, this.#options, () => this.#workers.delete(uid));
    this.#workers.set(uid, worker);
    return worker;
  }
}

class Worker {
  readonly #uid: string;
  readonly #options: PodWorkersOptions;
  readonly #finished: () => void;
  readonly #memory: PodMemory = { admitted: false, removed: false, waiting: new Map(), held: new Map() };
  #pod: Pod | undefined;
  #gone = false;
  #dirty = false;
  #closed = false;
  #failures = 0;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #interrupt = new AbortController();

  constructor(uid: string, options: PodWorkersOptions, finished: () => void) {
    this.#uid = uid;
    this.#options = options;
    this.#finished = finished;
  }

  get work(): PodWork {
    return { uid: this.#uid, pod: this.#pod, gone: this.#gone, memory: this.#memory };
  }

  set(pod: Pod): void {
    const previous = this.#pod;
    this.#pod = pod;
    if (previous && isHurried(previous, pod)) this.#interrupt.abort();
    this.poke();
  }

  setGone(): void {
    // Whoever removed the Pod from the API did not wait for the end of its containers: neither does the kubelet for long.
    if (this.#pod && !this.#gone) this.#interrupt.abort();
    this.#gone = true;
    this.poke();
  }

  poke(): void {
    if (this.#closed) return;
    this.#dirty = true;
    if (!this.#running) this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#timer);
    this.#interrupt.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, logger, sync } = this.#options;
    // Those who poke in the same turn are served together.
    await Promise.resolve();
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      clock.clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#interrupt = new AbortController();
      try {
        const { requeueAfterMs, done } = await sync(this.work, this.#interrupt.signal);
        this.#failures = 0;
        if (done) {
          this.#closed = true;
          this.#finished();
          return;
        }
        if (requeueAfterMs !== undefined) this.#pokeAfter(requeueAfterMs);
      } catch (error) {
        if (this.#closed) break;
        if (!this.#interrupt.signal.aborted) {
          logger.warn({ pod: this.#title(), err: error }, 'sync of a pod failed, trying again');
        }
        this.#pokeAfter(Math.min(firstRetryMs * 2 ** this.#failures, longestRetryMs));
        this.#failures += 1;
      }
    }
    this.#running = undefined;
  }

  #pokeAfter(delayMs: number): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.poke(), delayMs);
  }

  #title(): string {
    const { namespace, name } = this.#pod?.metadata ?? {};
    return name ? `${namespace}/${name}` : this.#uid;
  }
}

/** Whether the new version asks the containers to end sooner than the work under way lets them. */
const isHurried = (previous: Pod, pod: Pod): boolean =>
  isTerminating(pod) && (!isTerminating(previous) || gracePeriodOf(pod) < gracePeriodOf(previous));
