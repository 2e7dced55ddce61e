/** The verb watch: opens a stream on the registry's events, and knows all open ones so that a shutdown can end them. */
import { groupResource, type Kind } from '../../api/kinds.ts';
import type { Resource } from '../registry/resource.ts';
import { tableOptions } from './answers.ts';
import { contextOf, type Exchange, namespaceOf, representationOf } from './exchange.ts';
import { parseListOptions } from './list-options.ts';
import { eventEncoder } from './watch-events.ts';
import { framed, httpSink, wantsWebSocket, webSocketSink } from './watch-sinks.ts';
import { isStreamError, WatchStream } from './watch-stream.ts';

/** As Kubernetes' --min-request-timeout: a watch without timeoutSeconds ends after once to twice this. */
const defaultTimeoutMs = 1_800_000;

export class Watches {
  readonly #open = new Map<WatchStream, Kind>();

  /** Answers with the resource's events until the client, the time-out or a shutdown ends it. */
  readonly serve = async (exchange: Exchange, resource: Resource): Promise<void> => {
    const options = parseListOptions(exchange.info.query);
    const as = representationOf(exchange);
    const { columns, include } = tableOptions(exchange, resource);
    const { response } = exchange;
    const encoder = eventEncoder(resource.kind, as.shape, { columns, include, now: Date.now });
    const target = wantsWebSocket(response)
      ? { sink: webSocketSink(response), encoder: framed(encoder) }
      : { sink: httpSink(response, as.contentType.replace('yaml', 'json')), encoder };
    const stream = new WatchStream({
      ...target,
      bookmarks: options.allowWatchBookmarks ?? false,
      timeoutMs:
        options.timeoutSeconds === undefined ? defaultTimeoutMs * (1 + Math.random()) : options.timeoutSeconds * 1000,
    });
    this.#open.set(stream, resource.kind);
    stream.signal.addEventListener('abort', () => this.#open.delete(stream), { once: true });
    try {
      await resource.watch(contextOf(exchange), namespaceOf(exchange), options, stream, stream.signal);
      stream.begin();
      // From here on it costs what its events cost.
      exchange.ticket?.leave();
      exchange.audit?.stage('ResponseStarted', wantsWebSocket(response) ? 101 : 200);
    } catch (error) {
      if (isStreamError(error)) {
        stream.onEnd(error);
        return;
      }
      this.#open.delete(stream);
      throw error;
    }
  };

  /** How many watches are open, by resource. */
  counts(): Map<string, { kind: Kind; count: number }> {
    const counts = new Map<string, { kind: Kind; count: number }>();
    for (const kind of this.#open.values()) {
      const entry = counts.get(groupResource(kind));
      if (entry) entry.count += 1;
      else counts.set(groupResource(kind), { kind, count: 1 });
    }
    return counts;
  }

  /** Ends all watches as at their time-out: clients go on elsewhere from where they are. */
  endAll(): void {
    for (const stream of [...this.#open.keys()]) stream.end();
  }
}
