/** Where clients connect: one listener, or many while this balancer stands in for one that shares its address. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { watchPeer } from './peer.ts';
import type { ListenAddress } from './settings.ts';

/** Beside one listener of the peer's, so many leave it less than two clients in a hundred. */
const standIns = 63;

export interface ListenersOptions {
  readonly listen: ListenAddress;
  readonly reusePort: boolean;
  readonly logger: Logger;
  /** Takes a client of which nothing was read yet. */
  readonly accept: (client: Socket) => void;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #main: Server;
  #more: Server[] = [];

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#main = this.#create();
  }

  /** Resolves with the address when it listens; throws if it cannot. */
  async open(): Promise<ListenAddress> {
    const { host, port } = this.#options.listen;
    await this.#listen(this.#main, this.#options.listen);
    const address = this.#main.address();
    return { host, port: typeof address === 'object' && address !== null ? address.port : port };
  }

  /** Takes the clients of the balancer whose admin port this is while that one is silent. Ends with the signal; never rejects. */
  async standInFor(peer: ListenAddress, own: ListenAddress, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const silent = async () => {
      this.#more = Array.from({ length: standIns }, () => this.#create());
      const opened = await Promise.allSettled(this.#more.map((server) => this.#listen(server, own)));
      const listeners = opened.filter(({ status }) => status === 'fulfilled').length;
      logger.warn({ peer, listeners }, 'the other balancer is silent: taking its clients');
    };
    const back = () => {
      // Clients that have come to these listeners are accepted first: to close one resets those that still wait in it.
      setImmediate(() => {
        this.#closeMore();
        logger.info({ peer }, 'the other balancer answers again, or is gone');
      });
    };
    await watchPeer(peer, { silent, back }, signal);
    this.#closeMore();
  }

  /** Accepts no more; resolves when the last connection is closed, too. */
  close(): Promise<void> {
    this.#closeMore();
    return new Promise((resolve) => this.#main.close(() => resolve()));
  }

  #create(): Server {
    const { accept } = this.#options;
    return createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, accept);
  }

  async #listen(server: Server, { host, port }: ListenAddress): Promise<void> {
    const listening = Promise.withResolvers<void>();
    server.once('error', listening.reject);
    server.listen({ host, port, backlog: 1024, reusePort: this.#options.reusePort }, listening.resolve);
    await listening.promise;
    server.off('error', listening.reject);
    // Out of file descriptors, for one: the next client may have more luck.
    server.on('error', (error) => this.#options.logger.error({ err: error }, 'cannot accept a connection'));
  }

  #closeMore(): void {
    for (const server of this.#more.splice(0)) server.close();
  }
}
