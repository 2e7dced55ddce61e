/**
 * Events are forgotten after a while, as they are with Kubernetes (its --event-ttl). Every API server looks now and then for
 * those that are too old and deletes them; that several may do it at once does no harm.
 */
import { type Clock, sleep } from '../../api/clock.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import type { Event } from '../../api/types.ts';
import type { RequestContext } from './context.ts';
import type { Resource } from './resource.ts';

export interface EventExpiryOptions {
  readonly events: Resource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ttlMs: number;
}

const intervalMs = 60_000;

/** Runs until the signal ends. */
export async function expireEvents(options: EventExpiryOptions, ctx: RequestContext): Promise<void> {
  const { clock, logger } = options;
  for (;;) {
    // Not all servers at the same moment.
    await sleep(intervalMs * (0.75 + Math.random() / 2), ctx.signal, clock);
    if (ctx.signal.aborted) return;
    try {
      await expireOnce(options, ctx);
    } catch (error) {
      logger.warn({ err: error }, 'old events could not be deleted');
    }
  }
}

/** Deletes what is too old now; returns how many that were. */
export async function expireOnce({ events, clock, ttlMs }: EventExpiryOptions, ctx: RequestContext): Promise<number> {
  const { items } = await events.list(ctx, undefined, { resourceVersion: '0' });
  let expired = 0;
  for (const { object } of items) {
    if (ctx.signal.aborted) break;
    if (clock.now() - lastSeenAt(object) < ttlMs) continue;
    const { namespace = '', name = '', resourceVersion = '' } = object.metadata ?? {};
    try {
      await events.delete(ctx, { namespace, name }, { preconditions: { resourceVersion } });
      expired++;
    } catch (error) {
      // Another server was quicker, or the event was seen again.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
  return expired;
}

function lastSeenAt({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: Partial<Event>): number {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata?.creationTimestamp];
  return Math.max(0, ...times.filter((time) => time !== undefined).map((time) => Date.parse(time) || 0));
}
