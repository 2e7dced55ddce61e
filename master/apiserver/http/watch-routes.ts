/** The verb watch: opens a stream on the registry's events, and knows all open ones so that a shutdown can end them. */
import { groupResource, type Kind } from '../../api/kinds.ts';
import type { ListOptions } from '../registry/context.ts';
import type { Resource } from '../registry/resource.ts';
import { tableOptions } from './answers.ts';
import { contextOf, type Exchange, namespaceOf, representationOf } from './exchange.ts';
import { parseListOptions } from './list-options.ts';
import { eventEncoder } from './watch-events.ts';
import { framed, httpSink, wantsWebSocket, webSocketSink } from './watch-sinks.ts';
import { isStreamError, WatchStream } from './watch-stream.ts';

/** As Kubernetes' --min-request-timeout: a watch without timeoutSeconds ends after once to twice this. */
const defaultTimeoutMs = 1_800_000;

/** The watches of a resource: how many are open now, and how many events all there ever were have had. */
export interface WatchTally {
  readonly kind: Kind;
  open: number;
  events: number;
}

export class Watches {
  readonly #open = new Set<WatchStream>();
  readonly #tallies = new Map<string, WatchTally>();
  #ending = false;

  /** Answers with the resource's events until the client, the time-out or a shutdown ends it. */
  readonly serve = async (exchange: Exchange, resource: Resource): Promise<void> => {
    const options = ofOneObject(exchange, parseListOptions(exchange.info.query));
    const as = representationOf(exchange);
    const { columns, include } = tableOptions(exchange, resource, as.version);
    const { response } = exchange;
    const encoder = eventEncoder(resource.kind, as, { columns, include, now: Date.now });
    const target = wantsWebSocket(response)
      ? { sink: webSocketSink(response), encoder: framed(encoder) }
      : { sink: httpSink(response, as.contentType.replace('yaml', 'json')), encoder };
    const tally = this.#tallyOf(resource.kind);
    const stream = new WatchStream({
      ...target,
      tally,
      bookmarks: options.allowWatchBookmarks ?? false,
      timeoutMs:
        options.timeoutSeconds === undefined ? defaultTimeoutMs * (1 + Math.random()) : options.timeoutSeconds * 1000,
    });
    const over = (): void => {
      if (this.#open.delete(stream)) tally.open -= 1;
    };
    this.#open.add(stream);
    tally.open += 1;
    stream.signal.addEventListener('abort', over, { once: true });
    try {
      stream.begin(await resource.watch(contextOf(exchange), namespaceOf(exchange), options, stream, stream.signal));
      // From here on it costs what its events cost.
      exchange.ticket?.leave();
      // Its connection is one that the end of another watch left open.
      if (this.#ending) stream.end();
      if (wantsWebSocket(response)) exchange.audit?.stage('ResponseStarted', 101);
    } catch (error) {
      if (isStreamError(error)) {
        stream.onEnd(error);
        return;
      }
      over();
      throw error;
    }
  };

  /** The watches of each resource. */
  tallies(): Iterable<WatchTally> {
    return this.#tallies.values();
  }

  #tallyOf(kind: Kind): WatchTally {
    const name = `${groupResource(kind)}/${kind.version}`;
    let tally = this.#tallies.get(name);
    if (tally === undefined) {
      tally = { kind, open: 0, events: 0 };
      this.#tallies.set(name, tally);
    }
    return tally;
  }

  /** Ends all watches as at their time-out, and those still to come: clients go on elsewhere from where they are. */
  endAll(): void {
    this.#ending = true;
    for (const stream of [...this.#open]) stream.end();
  }
}

/** The paths of old clients may name one object. Who may watch that may not see others. */
function ofOneObject({ info: { name } }: Exchange, options: ListOptions): ListOptions {
  if (name === '') return options;
  const { fieldSelector } = options;
  const its = `metadata.name=${name}`;
  return { ...options, fieldSelector: fieldSelector === undefined ? its : `${fieldSelector},${its}` };
}
