/**
 * The bytes' way. `Upstream` is a connection to a master that reads into a buffer of its own (no allocation per read),
 * and `relay` ties it to a client with backpressure and half-close in both directions.
 */
import type { OnReadOpts, Socket } from 'node:net';

/** Twice what a socket usually holds: fewer, larger reads on long transfers. Only pages that were written cost memory. */
const bufferBytes = 128 * 1024;

/** What becomes of bytes that a master sent. The bytes are valid during the call only, unless `kept` is returned. */
type Receiver = (bytes: Buffer) => 'used' | 'kept' | 'kept, wait';

/** Opens the socket of an Upstream; it must pass `onread` on and allow half-open connections. */
export type Dial = (onread: OnReadOpts) => Socket;

export class Upstream {
  readonly socket: Socket;
  #receive: Receiver;
  #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  /** Free for reading while `#buffer`'s bytes wait in the client's write queue. */
  #spare: Buffer<ArrayBuffer> | undefined;
  #lent: Buffer<ArrayBuffer> | undefined;

  constructor(dial: Dial, receive: Receiver) {
    this.#receive = receive;
    this.socket = dial({
      buffer: () => this.#buffer,
      callback: (length) => this.#onRead(length),
    });
  }

  set receiver(receive: Receiver) {
    this.#receive = receive;
  }

  /** Hands bytes to the present receiver: for a receiver that has just put another one in its place. */
  receive(bytes: Buffer): ReturnType<Receiver> {
    return this.#receive(bytes);
  }

  /** The bytes that were kept have been sent, their buffer may be used again, and reading goes on. */
  resume(): void {
    this.#spare = this.#lent ?? this.#spare;
    this.#lent = undefined;
    this.socket.resume();
  }

  #onRead(length: number): boolean {
    const outcome = this.#receive(this.#buffer.subarray(0, length));
    if (outcome === 'used') return true;
    // One buffer at most is known to be free again later (when the client has drained); others are left to the collector.
    this.#lent = outcome === 'kept, wait' ? this.#buffer : undefined;
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.#spare = undefined;
    return outcome === 'kept';
  }
}

/** Who ended the connection: a clean end on both sides, or an error on one. */
export interface RelayEnd {
  readonly by: 'client' | 'backend';
  readonly error: Error | undefined;
}

/** Who spoke last. Written with each chunk, so that a silence can be noticed without a timer for each connection. */
export interface Activity {
  /** The client has sent something since the backend last did. */
  unanswered: boolean;
}

/**
 * Carries bytes both ways until both sides have ended or one has failed, then destroys both sockets and calls `onEnd`
 * once. `client` must be paused or flowing without other `data` listeners.
 */
export function relay(client: Socket, upstream: Upstream, activity: Activity, onEnd: (end: RelayEnd) => void): void {
  const backend = upstream.socket;
  let firstEnd: RelayEnd['by'] | undefined;
  let ended = false;
  const finish = (end: RelayEnd) => {
    if (ended) return;
    ended = true;
    // An error on one side is an error on the other: a client must not take a cut answer for a whole one.
    if (end.error === undefined) {
      client.destroy();
      backend.destroy();
    } else {
      reset(client);
      reset(backend);
    }
    onEnd(end);
  };

  let clientBlocked = false;
  upstream.receiver = (bytes) => {
    activity.unanswered = false;
    const room = client.write(bytes);
    if (client.writableLength === 0) return 'used';
    if (room) return 'kept';
    clientBlocked = true;
    return 'kept, wait';
  };
  client.on('drain', () => {
    if (!clientBlocked) return;
    clientBlocked = false;
    upstream.resume();
  });
  client.on('data', (bytes: Buffer) => {
    activity.unanswered = true;
    if (!backend.write(bytes)) client.pause();
  });
  backend.on('drain', () => client.resume());

  client.on('end', () => {
    firstEnd ??= 'client';
    backend.end();
  });
  backend.on('end', () => {
    firstEnd ??= 'backend';
    client.end();
  });
  client.on('error', (error) => finish({ by: 'client', error }));
  backend.on('error', (error) => finish({ by: 'backend', error }));
  client.on('close', () => finish({ by: firstEnd ?? 'client', error: undefined }));
  backend.on('close', () => {
    // Both ended, and the client's last bytes may still be on their way: it closes by itself when they are out.
    if (backend.readableEnded && backend.errored === null) client.destroySoon();
    else finish({ by: firstEnd ?? 'backend', error: undefined });
  });
}

/** Ends a connection with a reset, also one that is not connected yet. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  socket.resetAndDestroy();
}
