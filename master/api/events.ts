/**
 * EventRecorder: tells what happened to an object, as `kubectl describe` and `kubectl get events` show it.
 *
 * Best effort by design: recording never blocks or fails its caller. The same event said again raises its count; past the
 * queue's bound the newest events are dropped.
 */
import { randomBytes } from 'node:crypto';
import type { Client } from './client.ts';
import { isNotFound } from './errors.ts';
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

export class EventRecorder {
  readonly #client: Client;
  readonly #source: EventSource;
  readonly #logger: Logger;
  readonly #queue: Event[] = [];
  /** Events said before, by what makes them the same; the oldest is forgotten first. */
  readonly #said = new Map<string, Event>();
  #sending: Promise<void> | undefined;

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
    this.#sending ??= this.#send();
  }

  /** Resolves when everything said so far was sent or given up. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    for (let event = this.#queue.shift(); event; event = this.#queue.shift()) {
      try {
        await this.#record(event);
      } catch (error) {
        this.#logger.debug(
          { err: error, reason: event.reason, object: event.involvedObject },
          'event was not recorded',
        );
      }
    }
    this.#sending = undefined;
  }

  async #record(event: Event): Promise<void> {
    const { involvedObject: about, type, reason, message } = event;
    const sameness = JSON.stringify([about.uid, about.name, about.fieldPath, type, reason, message]);
    const said = this.#said.get(sameness);
    this.#said.delete(sameness);
    const recorded = (said && (await this.#count(said, event))) ?? (await this.#client.create('events', event));
    this.#said.set(sameness, recorded);
    const [oldest] = this.#said.keys();
    if (this.#said.size > rememberedBound && oldest !== undefined) this.#said.delete(oldest);
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
