/**
 * One open watch on one connection.
 *
 * Events are written as they are delivered, in bytes that all watchers of the same objects share. What the client does not take
 * stays queued here as references to shared bytes, up to a bound; past it the watch is told 410 and closed, and the client
 * starts again.
 * So a watcher that never reads costs little and slows nobody.
 */
import { type Clock, systemClock, type Timer } from '../../api/clock.ts';
import { expired, isExpired, type StatusError } from '../../api/errors.ts';
import type { ResourceEvent, WatchListener, WatchProgress } from '../registry/context.ts';
import type { EventEncoder } from './watch-events.ts';
import type { WatchSink } from './watch-sinks.ts';

export interface WatchStreamOptions {
  readonly sink: WatchSink;
  readonly encoder: EventEncoder;
  /** Whether the client asked for bookmarks. */
  readonly bookmarks: boolean;
  /** Counts the events of all watches of a resource. */
  readonly tally?: { events: number };
  /** After this the watch ends without an error. */
  readonly timeoutMs: number;
  /** Bytes that may wait for the client beside the initial events. */
  readonly backlogLimitBytes?: number;
  readonly bookmarkIntervalMs?: number;
  readonly clock?: Clock;
}

/** As much as is handed to the socket at once. */
const writeBytes = 64 * 1024;
/** How long a client may take to read the rest of a watch that is over, before its connection is cut. */
const lastWordsMs = 10_000;

interface State {
  readonly events: readonly ResourceEvent[];
  next: number;
}

export class WatchStream implements WatchListener {
  readonly #options: WatchStreamOptions;
  readonly #sink: WatchSink;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #timers: Timer[] = [];
  /** What the watch begins with, as far as it is not written yet: many watches share the array. It comes before the queue. */
  #state: State | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #initial = true;
  #blocked = false;
  #flushPending = false;
  #ending = false;
  /** What the events so far have reached. */
  #revision = 0;
  #progress: WatchProgress | undefined;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#sink = options.sink;
    this.#clock = options.clock ?? systemClock;
    this.#sink.listen({
      closed: this.#close,
      drained: () => {
        this.#blocked = false;
        this.#flush();
      },
    });
  }

  /** Aborted when the watch is over, for whatever reason. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * The watch has begun: from here on what waits is bounded, and the client is told that it is open. Bookmarks carry what `progress`
   * gives, which goes on where nothing happens to the watched objects: a client resumes from there before its revision is forgotten.
   */
  begin(progress?: WatchProgress): void {
    this.#initial = false;
    this.#progress = progress;
    if (this.#ending) return;
    this.#sink.open();
    const { clock, timeoutMs, bookmarks, bookmarkIntervalMs = 60_000 } = { ...this.#options, clock: this.#clock };
    this.#timers.push(clock.setTimeout(() => this.end(), timeoutMs));
    if (bookmarks) this.#bookmarkEvery(bookmarkIntervalMs);
  }

  onEvents(events: readonly ResourceEvent[], revision: number): void {
    if (this.#ending) return;
    if (revision > this.#revision) this.#revision = revision;
    if (this.#options.tally) this.#options.tally.events += events.length;
    if (events.length === 0 || this.#writtenTogether(events)) return;
    if (this.#initial && this.#nothingWaits()) {
      this.#state = { events, next: 0 };
      this.#schedule();
      return;
    }
    for (const event of events) for (const part of this.#options.encoder.event(event)) this.#push(part);
    if (!this.#initial && this.#backlog() > this.#limit()) {
      this.#giveUp();
      return;
    }
    this.#schedule();
  }

  onInitialEventsEnd(revision: number): void {
    if (revision > this.#revision) this.#revision = revision;
    if (this.#ending || !this.#options.bookmarks) return;
    this.#push(this.#options.encoder.bookmark(revision, true));
    this.#schedule();
  }

  onEnd(error?: StatusError): void {
    if (error && !this.#ending) this.#push(this.#options.encoder.error(error.status));
    this.#finish();
  }

  /** Ends the watch without an error, with a last bookmark so that the client goes on from here. */
  end(): void {
    if (!this.#ending && this.#options.bookmarks) this.#bookmark();
    this.#finish();
  }

  /** Everything up to the bookmark's revision is written or queued before it. */
  #bookmark(): void {
    this.#revision = Math.max(this.#revision, this.#progress?.() ?? 0);
    if (this.#revision > 0) this.#push(this.#options.encoder.bookmark(this.#revision, false));
  }

  /** Writes events in the bytes that they have for all, where nothing waits before them. */
  #writtenTogether(events: readonly ResourceEvent[]): boolean {
    if (this.#initial || this.#blocked || !this.#nothingWaits()) return false;
    const chunk = this.#options.encoder.together?.(events);
    if (!chunk) return false;
    this.#sink.open();
    this.#blocked = !this.#sink.writeChunk(chunk);
    return true;
  }

  #push(part: Buffer): void {
    this.#queue.push(part);
    this.#queuedBytes += part.length;
  }

  #schedule(): void {
    if (this.#flushPending || this.#blocked || this.#nothingWaits()) return;
    this.#flushPending = true;
    setImmediate(() => {
      this.#flushPending = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#nothingWaits() && !this.#blocked) {
      this.#sink.open();
      this.#blocked = !(this.#state ? this.#writeState(this.#state) : this.#writeNext());
    }
    if (this.#ending && this.#nothingWaits() && !this.#sink.over) {
      this.#sink.open();
      this.#sink.end();
    }
  }

  #nothingWaits(): boolean {
    return this.#state === undefined && this.#queue.length === 0;
  }

  /** Writes the next of what the watch begins with. */
  #writeState(state: State): boolean {
    const parts: Buffer[] = [];
    let bytes = 0;
    while (state.next < state.events.length && bytes < writeBytes) {
      const event = state.events[state.next++];
      for (const part of event ? this.#options.encoder.event(event) : []) {
        parts.push(part);
        bytes += part.length;
      }
    }
    if (state.next >= state.events.length) this.#state = undefined;
    return this.#sink.write(parts, bytes);
  }

  /** Writes the next bytes of the queue, joined: one write is one TLS record or a few. */
  #writeNext(): boolean {
    let parts = this.#queue;
    let bytes = this.#queuedBytes;
    if (bytes <= writeBytes) {
      this.#queue = [];
    } else {
      bytes = 0;
      let count = 0;
      while (count < parts.length && (count === 0 || bytes < writeBytes)) bytes += parts[count++]?.length ?? 0;
      this.#queue = parts.slice(count);
      parts = parts.slice(0, count);
    }
    this.#queuedBytes -= bytes;
    return this.#sink.write(parts, bytes);
  }

  #backlog(): number {
    return this.#queuedBytes + this.#sink.waitingBytes;
  }

  #limit(): number {
    return this.#options.backlogLimitBytes ?? 16 * 1024 * 1024;
  }

  #giveUp(): void {
    this.#forget();
    this.onEnd(expired('too old resource version: the watcher is too slow'));
  }

  #forget(): void {
    this.#state = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#timers.push(this.#clock.setTimeout(() => this.#sink.destroy(), lastWordsMs));
    this.#flush();
    this.#closed.abort();
  }

  #bookmarkEvery(intervalMs: number): void {
    // A little earlier or later each time, so that many watches do not wake at once.
    const delay = intervalMs * (0.9 + Math.random() * 0.2);
    const timer = this.#clock.setTimeout(() => {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      if (this.#ending) return;
      this.#bookmark();
      this.#schedule();
      this.#bookmarkEvery(intervalMs);
    }, delay);
    this.#timers.push(timer);
  }

  readonly #close = (): void => {
    this.#ending = true;
    this.#forget();
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    this.#closed.abort();
  };
}

/** Whether a watch that could not begin is answered as an ERROR event (as Kubernetes does for 410) or as HTTP. */
export const isStreamError = (error: unknown): error is StatusError => isExpired(error);
