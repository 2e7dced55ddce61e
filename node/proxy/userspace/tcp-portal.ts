/**
 * A TCP port of this process that stands for a port of a Service. A connection is passed on to the endpoint whose turn it is;
 * one that does not answer is left for the next one. Connections outlive a change of the endpoints, as they do in the kernel.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type OnReadOpts, type Server, type Socket } from 'node:net';
import { adopt, Channel, relay, reset } from '../../../lb/relay.ts';
import type { Endpoint } from '../service-ports.ts';
import type { Portal } from './portals.ts';
import { RoundRobin } from './round-robin.ts';

/** How long an endpoint may take to answer; one after the other is tried, and the client's connection is reset after the last. */
const dialTimeoutsMs: readonly number[] = [250, 500, 1_000, 2_000];

export class TcpPortal implements Portal {
  readonly #server: Server;
  readonly #turns = new RoundRobin();
  readonly #clients = new Set<Socket>();

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
  }

  /** Listens on a free port of `host`; rejects if it cannot. */
  static async open(host: string): Promise<TcpPortal> {
    const portal = new TcpPortal();
    portal.#server.listen({ host, port: 0, backlog: 1_024 });
    await once(portal.#server, 'listening');
    // Out of file descriptors, for one: the next client may have more luck.
    portal.#server.on('error', () => {});
    return portal;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  update(endpoints: readonly Endpoint[], affinitySeconds: number | undefined): void {
    this.#turns.update(endpoints, affinitySeconds);
  }

  close(): void {
    this.#server.close();
    for (const client of this.#clients) reset(client);
  }

  #accept(client: Socket): void {
    this.#clients.add(client);
    // Whoever leaves while an endpoint is looked for is seen when bytes are to be passed on.
    client.on('error', () => {});
    const address = client.remoteAddress ?? '';
    let tries = 0;
    const tryNext = (): void => {
      const timeoutMs = dialTimeoutsMs[tries];
      const endpoint = this.#turns.next(address, performance.now(), { another: tries > 0 });
      if (timeoutMs === undefined || !endpoint || client.destroyed) {
        this.#clients.delete(client);
        reset(client);
        return;
      }
      tries += 1;
      dial(endpoint, timeoutMs, (backend) => this.#join(client, backend), tryNext);
    };
    tryNext();
  }

  #join(accepted: Socket, backend: Channel): void {
    this.#clients.delete(accepted);
    const client = new Channel(
      (onread) => adopt(accepted, onread),
      () => 'kept',
    );
    this.#clients.add(client.socket);
    relay(client, backend, { unanswered: false }, () => this.#clients.delete(client.socket));
  }
}

/** Calls one of the two, once. */
function dial(
  { address: host, port }: Endpoint,
  timeoutMs: number,
  done: (backend: Channel) => void,
  failed: () => void,
): void {
  const open = (onread: OnReadOpts) => connect({ host, port, onread, allowHalfOpen: true, noDelay: true });
  const backend = new Channel(open, () => 'kept');
  const { socket } = backend;
  const fail = (): void => {
    clearTimeout(timer);
    socket
      .off('connect', connected)
      .off('error', fail)
      .on('error', () => {});
    socket.destroy();
    failed();
  };
  const connected = (): void => {
    clearTimeout(timer);
    socket.off('error', fail);
    done(backend);
  };
  const timer = setTimeout(fail, timeoutMs);
  socket.once('connect', connected).once('error', fail);
}
