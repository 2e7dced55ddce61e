/**
 * The pods that wait for a node. Each is in one of three places:
 * - active: to be tried next, by priority and then by how long it has waited there;
 * - backoff: to be tried again after a delay that doubles with its attempts (1 s to 10 s);
 * - unschedulable: no node would do. A change in the cluster that could help moves it on; after five minutes it is tried
 *   again whatever happened.
 *
 * A pod that was taken by `pop` is in none of them until it is put back.
 */
import { type Clock, systemClock, type Timer } from '../api/clock.ts';
import { Heap } from './heap.ts';
import type { PodInfo } from './pod-info.ts';

export const Place = { active: 'active', backoff: 'backoff', unschedulable: 'unschedulable' } as const;
export type Place = (typeof Place)[keyof typeof Place];

/** A pod on its way through the queue. */
export interface QueuedPod {
  readonly pod: PodInfo;
  /** How often it was tried. */
  readonly attempts: number;
  /** When it first came, in the clock's milliseconds. */
  readonly firstAddedAt: number;
  /** The plugins that refused it at the last attempt. */
  readonly refusedBy: ReadonlySet<string>;
}

interface Entry extends QueuedPod {
  readonly place: Place;
  /** Since when it is in this place. */
  readonly since: number;
  readonly backoffUntil: number;
  readonly order: number;
}

export interface QueueOptions {
  readonly clock?: Clock;
  readonly initialBackoffMs?: number;
  readonly maxBackoffMs?: number;
  readonly maxUnschedulableMs?: number;
  /** Told of every pod that enters a place, with what brought it there; for metrics. */
  readonly onEnter?: (place: Place, event: string) => void;
}

const noPlugins: ReadonlySet<string> = new Set();

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #options: Required<Omit<QueueOptions, 'clock'>>;
  /** Invariant: the one truth on where a pod is. What a heap holds beside it is out of date and is skipped. */
  readonly #entries = new Map<string, Entry>();
  /** Invariant: those of `#entries` whose place is `unschedulable`. */
  readonly #unschedulable = new Map<string, Entry>();
  readonly #active = new Heap<Entry>(isTriedBefore);
  readonly #backoff = new Heap<Entry>((a, b) => a.backoffUntil < b.backoffUntil);
  readonly #counts: Record<Place, number> = { active: 0, backoff: 0, unschedulable: 0 };
  #order = 0;
  #timer: Timer;
  #timerAt = Number.POSITIVE_INFINITY;
  #wake: (() => void) | undefined;

  constructor(options: QueueOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#options = {
      initialBackoffMs: 1_000,
      maxBackoffMs: 10_000,
      maxUnschedulableMs: 300_000,
      onEnter: () => {},
      ...options,
    };
  }

  /** How many pods are in each place. */
  counts(): Readonly<Record<Place, number>> {
    return { ...this.#counts };
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** A new pod. One that waits already is updated: its new form may fit, so it is tried again. */
  add(pod: PodInfo): void {
    const known = this.#entries.get(pod.key);
    const now = this.#clock.elapsed();
    const queued = known ?? { attempts: 0, firstAddedAt: now, refusedBy: noPlugins, backoffUntil: 0 };
    this.#enter({ ...queued, pod }, known ? 'PodUpdate' : 'PodAdd', known?.backoffUntil ?? 0);
  }

  /** Puts a newer form of a waiting pod in its place without trying it again: nothing changed that could help. */
  refresh(pod: PodInfo): void {
    const known = this.#entries.get(pod.key);
    if (known) this.#place({ ...known, pod });
  }

  remove(key: string): void {
    const known = this.#entries.get(key);
    if (!known) return;
    this.#entries.delete(key);
    this.#unschedulable.delete(key);
    this.#counts[known.place] -= 1;
  }

  /** Takes the next pod to try; undefined when the signal is aborted. There is one consumer. */
  async pop(signal: AbortSignal): Promise<QueuedPod | undefined> {
    while (!signal.aborted) {
      const entry = this.#takeActive();
      if (entry) return { ...entry, attempts: entry.attempts + 1 };
      await this.#entered(signal);
    }
    return undefined;
  }

  /** Puts back a pod that no node would take. */
  returnUnschedulable(queued: QueuedPod, refusedBy: ReadonlySet<string>): void {
    if (this.#entries.has(queued.pod.key)) return;
    const now = this.#clock.elapsed();
    const backoffUntil = now + this.#backoffOf(queued.attempts);
    this.#place({ ...queued, refusedBy, place: Place.unschedulable, since: now, backoffUntil, order: this.#order++ });
    this.#options.onEnter(Place.unschedulable, 'ScheduleAttemptFailure');
    this.#schedule(now + this.#options.maxUnschedulableMs);
  }

  /** Puts back a pod whose attempt failed for another reason than the nodes: it is tried again after its back-off. */
  returnFailed(queued: QueuedPod): void {
    if (this.#entries.has(queued.pod.key)) return;
    this.#enter(queued, 'ScheduleAttemptFailure', this.#clock.elapsed() + this.#backoffOf(queued.attempts));
  }

  /** Moves on the unschedulable pods that a change in the cluster could help, as `couldHelp` judges by the pod and the plugins that refused it. */
  moveOn(event: string, couldHelp: (pod: PodInfo, refusedBy: ReadonlySet<string>) => boolean): void {
    for (const entry of [...this.#unschedulable.values()]) {
      if (couldHelp(entry.pod, entry.refusedBy)) this.#enter(entry, event, entry.backoffUntil);
    }
  }

  #enter(queued: QueuedPod, event: string, backoffUntil: number): void {
    const now = this.#clock.elapsed();
    const place = backoffUntil > now ? Place.backoff : Place.active;
    const { pod, attempts, firstAddedAt, refusedBy } = queued;
    const entry = { pod, attempts, firstAddedAt, refusedBy, place, since: now, backoffUntil, order: this.#order++ };
    this.#place(entry);
    this.#options.onEnter(place, event);
    if (place === Place.backoff) this.#schedule(backoffUntil);
    else this.#wake?.();
  }

  #place(entry: Entry): void {
    this.remove(entry.pod.key);
    this.#entries.set(entry.pod.key, entry);
    this.#counts[entry.place] += 1;
    if (entry.place === Place.active) this.#active.push(entry);
    if (entry.place === Place.backoff) this.#backoff.push(entry);
    if (entry.place === Place.unschedulable) this.#unschedulable.set(entry.pod.key, entry);
  }

  /** Resolves when a pod became active, or the signal is aborted. */
  async #entered(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = (): void => resolve();
    this.#wake = resolve;
    signal.addEventListener('abort', stop, { once: true });
    await promise;
    signal.removeEventListener('abort', stop);
    this.#wake = undefined;
  }

  #takeActive(): Entry | undefined {
    for (let entry = this.#active.pop(); entry; entry = this.#active.pop()) {
      if (this.#entries.get(entry.pod.key) !== entry) continue;
      this.remove(entry.pod.key);
      return entry;
    }
    return undefined;
  }

  #backoffOf(attempts: number): number {
    const { initialBackoffMs, maxBackoffMs } = this.#options;
    return Math.min(initialBackoffMs * 2 ** Math.max(0, attempts - 1), maxBackoffMs);
  }

  /** One timer for the earliest thing that is due. */
  #schedule(at: number): void {
    if (at >= this.#timerAt) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = this.#clock.setTimeout(() => this.#due(), Math.max(0, at - this.#clock.elapsed()));
  }

  #due(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#clock.elapsed();
    for (let next = this.#backoff.peek(); next && next.backoffUntil <= now; next = this.#backoff.peek()) {
      this.#backoff.pop();
      if (this.#entries.get(next.pod.key) === next) this.#enter(next, 'BackoffComplete', 0);
    }
    this.#flushUnschedulable(now);
    const next = this.#backoff.peek();
    if (next) this.#schedule(next.backoffUntil);
  }

  #flushUnschedulable(now: number): void {
    for (const entry of [...this.#unschedulable.values()]) {
      const dueAt = entry.since + this.#options.maxUnschedulableMs;
      if (dueAt <= now) this.#enter(entry, 'UnschedulableTimeout', 0);
      else this.#schedule(dueAt);
    }
  }
}

function isTriedBefore(a: Entry, b: Entry): boolean {
  if (a.pod.priority !== b.pod.priority) return a.pod.priority > b.pod.priority;
  return a.order < b.order;
}
