/**
 * gRPC to a member over a connection without TLS: to the etcd of the own master, at its Unix socket. Every write and every event goes this
 * way, and a general gRPC client over a general HTTP/2 one costs as much as all the rest of a write in this process.
 *
 * Not its business: what another way can do as well. There is no session while no server has greeted the connection, and none for what is
 * larger than a frame or than the server has room for.
 */
import { GrpcSession, type PlainAddress } from './grpc-session.ts';

const reconnectPauseMs = 100;

/** Keeps a connection, from its first use until `close`. */
export class GrpcSocket {
  readonly #address: PlainAddress;
  #session: GrpcSession | undefined;
  /** On the clock of `performance.now`. */
  #notBefore = 0;

  constructor(address: PlainAddress) {
    this.#address = address;
  }

  /** The connection, if it takes a message of so many bytes now. One that is lost is made anew meanwhile. */
  session(bytes: number): GrpcSession | undefined {
    const session = this.#session;
    if (session?.takes(bytes)) return session;
    if (!session?.isOpen && performance.now() >= this.#notBefore) this.#connect();
    return undefined;
  }

  /** The connection once the server has greeted it, for what lasts; undefined when it does not do so soon. */
  async opened(): Promise<GrpcSession | undefined> {
    const session = this.#session?.isOpen ? this.#session : this.#connect();
    return (await session.greeted) ? session : undefined;
  }

  /** Ends all calls. The next use connects anew. */
  close(): void {
    this.#session?.end('the connection was closed');
    this.#session = undefined;
    this.#notBefore = 0;
  }

  #connect(): GrpcSession {
    this.#notBefore = performance.now() + reconnectPauseMs;
    this.#session = new GrpcSession(this.#address);
    return this.#session;
  }
}
