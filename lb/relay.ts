/**
 * The bytes' way. `Channel` is a connection that reads into a buffer of its own (no allocation per read), and `relay` ties
 * two of them together with backpressure and half-close in both directions.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** Twice what a socket usually holds: fewer, larger reads on long transfers. Only pages that were written cost memory. */
const bufferBytes = 128 * 1024;

/** Buffers of connections that are closed: new memory for each connection would keep the garbage collector busy. */
const free: Buffer<ArrayBuffer>[] = [];
const mostFree = 64;

function takeBuffer(): Buffer<ArrayBuffer> {
  return free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
}

function giveBack(buffer: Buffer<ArrayBuffer> | undefined): void {
  if (buffer !== undefined && free.length < mostFree) free.push(buffer);
}

/**
 * What becomes of bytes that were read. They are valid during the call only, unless `kept` is returned. `wait` stops the
 * reading until `resume`.
 */
export type Receiver = (bytes: Buffer) => 'used' | 'used, wait' | 'kept' | 'kept, wait';

/** Opens the socket of a Channel; it must pass `onread` on and allow half-open connections. */
export type Open = (onread: OnReadOpts) => Socket;

export class Channel {
  readonly socket: Socket;
  #receive: Receiver;
  #buffer = takeBuffer();
  /** Free for reading while `#buffer`'s bytes wait in the other side's write queue. */
  #spare: Buffer<ArrayBuffer> | undefined;
  #lent: Buffer<ArrayBuffer> | undefined;

  constructor(open: Open, receive: Receiver) {
    this.#receive = receive;
    this.socket = open({
      buffer: () => this.#buffer,
      callback: (length) => this.#onRead(length),
    });
    // Nothing is read any more. What was lent may be in the other side's write queue still, so the collector has it.
    this.socket.once('close', () => {
      giveBack(this.#buffer);
      giveBack(this.#spare);
      this.#spare = undefined;
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
    if (outcome === 'used, wait') return false;
    // One buffer at most is known to be free again later (when the other side has drained); others are left to the collector.
    this.#lent = outcome === 'kept, wait' ? this.#buffer : undefined;
    this.#buffer = this.#spare ?? takeBuffer();
    this.#spare = undefined;
    return outcome === 'kept';
  }
}

/**
 * Gives an accepted connection, of which nothing was read yet, a socket with `onread`. A server cannot be told to make its
 * sockets so, and reading into new memory each time costs an upload more than half of its throughput. The handle changes
 * hands as between Node's own `net.Server` and `net.Socket`; that is no documented way, so tests hold it.
 */
export function adopt(accepted: Socket, onread: OnReadOpts): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) throw new Error('invariant: an accepted connection has a handle');
  Reflect.set(accepted, '_handle', null);
  // It owns nothing any more: this only tells the server that it is gone.
  accepted.destroy();
  // Node's types allow a handle of another kind only.
  const options: Omit<SocketConstructorOpts, 'handle'> & { handle: unknown } = { handle, onread, allowHalfOpen: true };
  return Reflect.construct(Socket, [options]);
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

/** Carries bytes both ways until both sides have ended or one has failed, then destroys both and calls `onEnd` once. */
export function relay(client: Channel, backend: Channel, activity: Activity, onEnd: (end: RelayEnd) => void): void {
  let firstEnd: RelayEnd['by'] | undefined;
  let ended = false;
  const finish = (end: RelayEnd) => {
    if (ended) return;
    ended = true;
    // An error on one side is an error on the other: a client must not take a cut answer for a whole one.
    if (end.error === undefined) {
      client.socket.destroy();
      backend.socket.destroy();
    } else {
      reset(client.socket);
      reset(backend.socket);
    }
    onEnd(end);
  };

  pump(client, backend.socket, () => {
    activity.unanswered = true;
  });
  pump(backend, client.socket, () => {
    activity.unanswered = false;
  });
  client.socket.on('end', () => {
    firstEnd ??= 'client';
    backend.socket.end();
  });
  backend.socket.on('end', () => {
    firstEnd ??= 'backend';
    client.socket.end();
  });
  client.socket.on('error', (error) => finish({ by: 'client', error }));
  backend.socket.on('error', (error) => finish({ by: 'backend', error }));
  client.socket.on('close', () => finish({ by: firstEnd ?? 'client', error: undefined }));
  backend.socket.on('close', () => {
    // Both ended, and the client's last bytes may still be on their way: it closes by itself when they are out.
    if (backend.socket.readableEnded && backend.socket.errored === null) client.socket.destroySoon();
    else finish({ by: firstEnd ?? 'backend', error: undefined });
  });
}

function pump(from: Channel, to: Socket, note: () => void): void {
  let blocked = false;
  from.receiver = (bytes) => {
    note();
    const room = to.write(bytes);
    if (to.writableLength === 0) return 'used';
    if (room) return 'kept';
    blocked = true;
    return 'kept, wait';
  };
  to.on('drain', () => {
    if (!blocked) return;
    blocked = false;
    from.resume();
  });
}

/** Ends a connection at once: with a reset, unless there is nothing that it could cut. */
export function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // Node would put the reset off until it is connected, and keep a socket open for ever whose end is just being told to the kernel.
  if (socket.connecting || isEnding(socket)) socket.destroy();
  else socket.resetAndDestroy();
}

/** Every byte is with the kernel, and so will be the end in a moment. */
const isEnding = ({ writableEnded, writableFinished, writableLength }: Socket): boolean =>
  writableEnded && !writableFinished && writableLength === 0;
