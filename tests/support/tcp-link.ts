/**
 * A piece of network between a client and a server that can be cut: nothing passes any more, nobody is told, and what was sent
 * meanwhile arrives after the healing, as after a partition.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export class TcpLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  #cut = false;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer({ pauseOnConnect: true }, (client) => this.#join(client));
  }

  /** A link to a port of loopback. */
  static async to(port: number): Promise<TcpLink> {
    const link = new TcpLink(port);
    link.#server.listen(0, '127.0.0.1');
    await once(link.#server, 'listening');
    return link;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the link is not up');
    return `https://127.0.0.1:${address.port}`;
  }

  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.pause();
  }

  heal(): void {
    this.#cut = false;
    for (const socket of this.#sockets) socket.resume();
  }

  readonly close = (): void => {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  };

  #join(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => to.write(chunk));
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => this.#sockets.delete(from));
      if (this.#cut) from.pause();
      else from.resume();
    }
  }
}
