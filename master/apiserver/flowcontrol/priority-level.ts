/**
 * One priority level: how many seats its requests may take at once, and what becomes of those for which there is none.
 *
 * The seats of a level are its share of the server's. A part of them, `lendablePercent`, it shares with all levels: what it
 * does not use of these others may use, as far as their `borrowingLimitPercent` lets them. Kubernetes works that out anew every ten
 * seconds; here it is decided at each request, so a level has its lent seats back with the next one that is freed.
 */
import { statusError } from '../../api/errors.ts';
import type { PriorityLevelConfiguration } from '../../api/types.ts';
import { FairQueues, type Queue, type Waiter, type Waiting } from './fair-queues.ts';

/** The seats that all levels share, and how many of them are taken. */
export interface SeatPool {
  size: number;
  taken: number;
  /** To be called when some become free: others may wait for them. */
  freed: () => void;
}

export interface LevelSettings {
  readonly name: string;
  readonly uid: string;
  readonly exempt: boolean;
  /** The level's share of the server's seats. */
  readonly nominalSeats: number;
  /** Of these, what others may use. */
  readonly lendableSeats: number;
  /** How many more than its own the level may use. */
  readonly borrowableSeats: number;
  /** undefined: what finds no seat is refused. */
  readonly queuing?:
    | { readonly queues: number; readonly handSize: number; readonly queueLengthLimit: number }
    | undefined;
}

export type Refusal = 'queue-full' | 'concurrency-limit' | 'time-out';

export class PriorityLevel {
  settings: LevelSettings;
  readonly #pool: SeatPool;
  #queues: FairQueues | undefined;
  /** Queues of former settings, where requests may still wait. */
  #former: FairQueues[] = [];
  /** Seats taken now. */
  seats = 0;
  executing = 0;

  constructor(settings: LevelSettings, pool: SeatPool) {
    this.settings = settings;
    this.#pool = pool;
    this.#queues = settings.queuing && new FairQueues(settings.queuing);
  }

  /** Other settings from now on; what waits, waits on in the queues where it is. */
  configure(settings: LevelSettings): void {
    const same = JSON.stringify(settings.queuing) === JSON.stringify(this.settings.queuing);
    this.#pool.taken -= this.#shared(this.seats);
    this.settings = settings;
    this.#pool.taken += this.#shared(this.seats);
    if (same) return;
    if (this.#queues && this.#queues.waitingCount > 0) this.#former.push(this.#queues);
    this.#queues = settings.queuing && new FairQueues(settings.queuing);
  }

  /** Those that requests wait in or came out of, with their numbers. */
  get queues(): readonly Queue[] {
    return this.#queues?.queues ?? [];
  }

  /** What a request that had to wait takes. */
  get expectedSeconds(): number {
    return this.#queues?.expectedSeconds ?? 0;
  }

  get waitingCount(): number {
    return this.#former.reduce((sum, { waitingCount }) => sum + waitingCount, this.#queues?.waitingCount ?? 0);
  }

  /** Takes seats at once; false where there are none or others wait for them. */
  tryEnter(width: number): boolean {
    if (!this.settings.exempt && (this.#someWait() || !this.#fits(width))) return false;
    this.#take(width);
    return true;
  }

  /**
   * Waits for seats in the flow's turn. Resolves with the queue that is to be named in `leave`; rejects with a Status of 429
   * when its queue is full or the signal is aborted first.
   */
  async wait(about: Waiter, width: number, signal: AbortSignal, refused: (why: Refusal) => void): Promise<Departure> {
    const queues = this.#queues;
    const { promise, resolve, reject } = Promise.withResolvers<Departure>();
    const refuse = (why: Refusal): void => {
      refused(why);
      reject(tooManyRequests());
    };
    const waiting: Waiting = {
      width,
      about,
      start: (from) => {
        signal.removeEventListener('abort', giveUp);
        this.#take(width);
        resolve({ queues: queues as FairQueues, queue: from });
      },
    };
    const queue = queues?.add(waiting);
    const giveUp = (): void => {
      if (queue) queues?.remove(queue, waiting);
      refuse('time-out');
    };
    if (!queue) refuse(queues ? 'queue-full' : 'concurrency-limit');
    else signal.addEventListener('abort', giveUp, { once: true });
    return promise;
  }

  /** Gives seats back. `departure` and `seconds` for what had to wait. */
  leave(width: number, departure?: Departure, seconds = 0): void {
    const shared = this.#shared(this.seats);
    this.seats -= width;
    this.executing -= 1;
    const freed = shared - this.#shared(this.seats);
    this.#pool.taken -= freed;
    departure?.queues.finished(departure.queue, width, seconds);
    if (this.#someWait()) this.startWaiting();
    if (freed > 0) this.#pool.freed();
  }

  /** Starts what waits, as far as there are seats. */
  startWaiting(): void {
    const fits = (width: number): boolean => this.#fits(width);
    for (const queues of this.#former) while (queues.startNext(fits));
    this.#former = this.#former.filter(({ waitingCount }) => waitingCount > 0);
    while (this.#queues?.startNext(fits));
  }

  #someWait(): boolean {
    return (this.#queues !== undefined && this.#queues.waitingCount > 0) || this.#former.length > 0;
  }

  /** A request that is wider than the level is started when nothing else runs, so that it does not wait for ever. */
  #fits(width: number): boolean {
    const { exempt, nominalSeats, borrowableSeats } = this.settings;
    if (exempt || this.seats === 0) return true;
    const wanted = this.seats + width;
    if (wanted > nominalSeats + borrowableSeats) return false;
    return this.#pool.taken - this.#shared(this.seats) + this.#shared(wanted) <= this.#pool.size;
  }

  #take(width: number): void {
    const before = this.#shared(this.seats);
    this.seats += width;
    this.executing += 1;
    this.#pool.taken += this.#shared(this.seats) - before;
  }

  /** How many of so many seats come out of the pool. */
  #shared(seats: number): number {
    const { exempt, nominalSeats, lendableSeats } = this.settings;
    return exempt ? 0 : Math.max(0, seats - (nominalSeats - lendableSeats));
  }
}

/** Where a request that waited comes from. */
export interface Departure {
  readonly queues: FairQueues;
  readonly queue: Queue;
}

/** The settings of all levels of a server with so many seats. */
export function settingsOf(levels: readonly PriorityLevelConfiguration[], serverSeats: number): LevelSettings[] {
  const sharesOf = ({ spec }: PriorityLevelConfiguration): number =>
    spec?.type === 'Exempt'
      ? (spec.exempt?.nominalConcurrencyShares ?? 0)
      : (spec?.limited?.nominalConcurrencyShares ?? 30);
  const allShares = Math.max(
    1,
    levels.reduce((sum, level) => sum + sharesOf(level), 0),
  );
  return levels.map((level) => {
    const { metadata, spec } = level;
    const nominalSeats = Math.ceil((serverSeats * sharesOf(level)) / allShares);
    const { lendablePercent = 0 } = (spec?.type === 'Exempt' ? spec.exempt : spec?.limited) ?? {};
    const borrowing = spec?.limited?.borrowingLimitPercent;
    const response = spec?.limited?.limitResponse;
    const { queues = 64, handSize = 8, queueLengthLimit = 50 } = response?.queuing ?? {};
    return {
      name: metadata?.name ?? '',
      uid: metadata?.uid ?? '',
      exempt: spec?.type === 'Exempt',
      nominalSeats,
      lendableSeats: Math.round((nominalSeats * lendablePercent) / 100),
      borrowableSeats: borrowing === undefined ? serverSeats : Math.round((nominalSeats * borrowing) / 100),
      queuing: response?.type === 'Queue' ? { queues, handSize, queueLengthLimit } : undefined,
    };
  });
}

/** In Kubernetes' words. */
const tooManyRequests = () =>
  statusError('TooManyRequests', 'too many requests, please try again later', { retryAfterSeconds: 1 });
