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
    const session = this.#present();
    return session?.takes(bytes) ? session : undefined;
  }

  /** The same, once the server has greeted it; undefined when it does not do so soon. */
  async opened(): Promise<GrpcSession | undefined> {
    const session = this.#present();
    return (await session?.greeted) ? session : undefined;
  }

  /** Ends all calls. The next use connects anew. */
  close(): void {
    this.#session?.end('the connection was closed');
    this.#session = undefined;
    this.#notBefore = 0;
  }

  #present(): GrpcSession | undefined {
    if (this.#session?.isOpen) return this.#session;
    const now = performance.now();
    if (now < this.#notBefore) return undefined;
    this.#notBefore = now + reconnectPauseMs;
    this.#session = new GrpcSession(this.#address);
    return this.#session;
  }
}
