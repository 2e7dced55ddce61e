/**
 * EventRecorder: tells what happened to an object, as `kubectl describe` and `kubectl get events` show it.
 *
 * Best effort by design: recording never blocks or fails its caller. The same event said again raises its count. A write that did not reach
 * a server, or found it in trouble, is tried again for a minute or two; what a server refuses is given up, and past the queue's bound the
 * newest events are dropped.
 */
import { randomBytes } from 'node:crypto';
import type { Client } from './client.ts';
import { sleep } from './clock.ts';
import { isAlreadyExists, isNotFound, isStatusError } from './errors.ts';
import { apiVersionOf, type Kind } from './kinds.ts';
import type { Logger } from './logging.ts';
import { nowSeconds } from './meta.ts';
import type { Event, KubeObject } from './types.ts';

export interface EventSource {
  component: string;
  /** The node, for components that run on one. */
  host?: string;
}

const queueBound = 1_000;
const rememberedBound = 4_096;

/** What is being sent at once: a server that takes its time holds up few. */
const senders = 4;
/** As often as client-go's recorder: then the cluster has other troubles. */
const maxTries = 12;
const pauseMs = 1_000;
const longestPauseMs = 10_000;

export class EventRecorder {
  readonly #client: Client;
  readonly #source: EventSource;
  readonly #logger: Logger;
  readonly #queue: Event[] = [];
  /** Events said before, by what makes them the same; the oldest is forgotten first. Undefined: that one was given up. */
  readonly #said = new Map<string, Promise<Event | undefined>>();
  readonly #sending = new Set<Promise<void>>();
  readonly #ending = new AbortController();

  constructor(client: Client, source: EventSource, logger: Logger) {
    this.#client = client;
    this.#source = source;
    this.#logger = logger;
  }

  /** `reason` is one UpperCamelCase word; `message` is for people. */
  event(
    object: KubeObject,
    kind: Kind,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    fieldPath?: string,
  ): void {
    if (this.#queue.length >= queueBound) return;
    this.#queue.push(this.#newEvent(object, kind, type, reason, message, fieldPath));
    if (this.#sending.size >= senders) return;
    const sending = this.#send().finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Resolves when everything said so far was sent or given up; what cannot be sent at once is not tried again. */
  async flush(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#sending);
  }

  async #send(): Promise<void> {
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) await this.#record(event);
  }

  async #record(event: Event): Promise<void> {
    const { involvedObject: about, type, reason, message } = event;
    const sameness = JSON.stringify([about.uid, about.name, about.fieldPath, type, reason, message]);
    const before = this.#said.get(sameness);
    this.#said.delete(sameness);
    const recorded = this.#tryToWrite(event, before);
    this.#said.set(sameness, recorded);
    const [oldest] = this.#said.keys();
    if (this.#said.size > rememberedBound && oldest !== undefined) this.#said.delete(oldest);
    if ((await recorded) === undefined && this.#said.get(sameness) === recorded) this.#said.delete(sameness);
  }

  /** The event as it is kept; undefined when it was given up. Never rejects. */
  async #tryToWrite(event: Event, before: Promise<Event | undefined> | undefined): Promise<Event | undefined> {
    const said = await before;
    for (let tries = 1; ; tries += 1) {
      try {
        return (said && (await this.#count(said, event))) ?? (await this.#client.create('events', event));
      } catch (error) {
        // An earlier try has reached it: names are made once.
        if (isAlreadyExists(error)) return event;
        const hopeless = isStatusError(error) && error.code < 500;
        if (hopeless || tries >= maxTries || this.#ending.signal.aborted) {
          const { involvedObject: object, reason } = event;
          this.#logger.debug({ err: error, reason, object, tries }, 'event was not recorded');
          return undefined;
        }
        const waitMs = Math.min(pauseMs * 2 ** (tries - 1), longestPauseMs);
        await sleep(waitMs * (0.5 + Math.random() / 2), this.#ending.signal);
      }
    }
  }

  /** The event with its count raised; undefined when it has expired meanwhile. */
  async #count(said: Event, { lastTimestamp }: Event): Promise<Event | undefined> {
    const { namespace, name = '' } = said.metadata;
    const patch = { count: (said.count ?? 1) + 1, lastTimestamp };
    try {
      return await this.#client.patch('events', { namespace, name }, patch, { type: 'merge' });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #newEvent(
    { metadata = {} }: KubeObject,
    kind: Kind,
    type: string,
    reason: string,
    message: string,
    fieldPath: string | undefined,
  ): Event {
    const { name = '', uid, resourceVersion } = metadata;
    const namespace = metadata.namespace ?? 'default';
    const now = nowSeconds();
    return {
      metadata: { name: `${name}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        namespace: metadata.namespace,
        name,
        uid,
        resourceVersion,
        fieldPath,
      },
      type,
      reason,
      message,
      source: this.#source,
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      reportingComponent: this.#source.component,
      reportingInstance: this.#source.host ?? '',
    };
  }
}
