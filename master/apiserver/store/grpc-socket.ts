/**
 * gRPC's plain calls to a member over a connection without TLS: to the etcd of the own master, at its Unix socket. Every write goes this way,
 * and a general gRPC client over a general HTTP/2 one costs half as much as all the rest of a write in this process.
 *
 * Guarantees: a call is sent at once or not taken, so nothing is ever sent after its caller gave it up; each ends exactly once; whatever
 * the server does that is not understood ends the connection and with it all its calls, whose outcome is then unknown.
 * Not its business: what another way can do as well. It takes no call while there is no connection that the server has greeted, nor one
 * larger than a frame, nor more than the server's windows have room for.
 */
import { connect, type Socket } from 'node:net';
import {
  decodeSettings,
  encodeFrame,
  encodeNumber,
  encodeSettings,
  type Frame,
  FrameReader,
  frameFlags,
  frameHeaderBytes,
  frameTypes,
  type GrpcStatus,
  initialWindowBytes,
  largestWindowBytes,
  preface,
  RequestHeaders,
  readStatus,
  settingIds,
  smallestMaxFrameBytes,
  writeFrameHeader,
} from './http2-frames.ts';

/** Where a member is reached without TLS. */
export type PlainAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** What became of a call. The answer's bytes are its own. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly message: Buffer }
  /** With gRPC's code, and the server's words or the connection's. */
  | { readonly kind: 'failed'; readonly code: number; readonly details: string };

export interface SocketCall {
  /** Ends the call as cancelled, if it has no answer yet. */
  cancel(): void;
}

const grpc = { cancelled: 1, unknown: 2, deadlineExceeded: 4, unavailable: 14 } as const;

const reconnectPauseMs = 100;

/** Keeps a connection, from its first use until `close`. */
export class GrpcSocket {
  readonly #address: PlainAddress;
  #session: Session | undefined;
  /** On the clock of `performance.now`. */
  #notBefore = 0;

  constructor(address: PlainAddress) {
    this.#address = address;
  }

  /** The connection, if it takes a message of so many bytes now. */
  session(bytes: number): Session | undefined {
    const session = this.#session;
    if (session?.isOpen) return session.takes(bytes) ? session : undefined;
    const now = performance.now();
    if (now < this.#notBefore) return undefined;
    this.#notBefore = now + reconnectPauseMs;
    this.#session = new Session(this.#address);
    return undefined;
  }

  /** Ends all calls. The next use connects anew. */
  close(): void {
    this.#session?.end('the connection was closed');
    this.#session = undefined;
    this.#notBefore = 0;
  }
}

interface Call {
  readonly ended: (end: CallEnd) => void;
  readonly timer: NodeJS.Timeout;
  message: Buffer | undefined;
}

/** Streams have odd numbers of 31 bits; a connection that comes near the end is replaced. */
const lastStream = 2 ** 31 - 2 ** 16;
const grpcPrefixBytes = 5;
/** So much may be on its way to this process; etcd's largest answers are a few megabytes. */
const receiveWindowBytes = 16 * 1024 * 1024;
const readBufferBytes = 64 * 1024;
const streamCancelled = 8;

class Session {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #headers = new RequestHeaders();
  readonly #calls = new Map<number, Call>();
  #outgoing: Buffer[] = [];
  /** `greeting` until the server's settings have come; `leaving`: the calls that there are go on, but no new ones begin. */
  #state: 'greeting' | 'open' | 'leaving' | 'ended' = 'greeting';
  #nextStream = 1;
  #sendWindow = initialWindowBytes;
  #streamWindow = initialWindowBytes;
  #maxCalls = Number.POSITIVE_INFINITY;
  /** Bytes that were received and not yet given back to the server's window. */
  #received = 0;
  /** How an answer looks that says that all is well: all of them are the same. */
  #wellBlock: Buffer | undefined;

  constructor(address: PlainAddress) {
    const buffer = Buffer.allocUnsafeSlow(readBufferBytes);
    const read = (length: number): boolean => {
      this.#read(buffer.subarray(0, length));
      return true;
    };
    this.#socket = connect({ ...address, noDelay: true, onread: { buffer, callback: read } });
    // It keeps no process alive; the time of a call does.
    this.#socket.unref();
    this.#socket.on('error', (error) => this.end(error.message));
    this.#socket.on('close', () => this.end('the connection ended'));
    this.#socket.on('end', () => this.end('the connection was ended by the member'));
    const settings = new Map([
      // With an empty table each header block can be read by itself.
      [settingIds.headerTableSize, 0],
      [settingIds.enablePush, 0],
      [settingIds.initialWindowSize, largestWindowBytes],
    ]);
    this.#socket.write(Buffer.concat([preface, encodeSettings(settings), giveBack(receiveWindowBytes)]));
  }

  /** Also while it is being made, or goes on with the calls that it has. */
  get isOpen(): boolean {
    return this.#state === 'greeting' || this.#state === 'open';
  }

  takes(bytes: number): boolean {
    const length = bytes + grpcPrefixBytes;
    if (this.#state !== 'open' || this.#calls.size >= this.#maxCalls) return false;
    return length <= smallestMaxFrameBytes && length <= this.#sendWindow && length <= this.#streamWindow;
  }

  /** Sends a message that it takes. `ended` is called once, never before this returns. */
  call(path: string, message: Buffer, timeoutMs: number, ended: (end: CallEnd) => void): SocketCall {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const late: CallEnd = { kind: 'failed', code: grpc.deadlineExceeded, details: 'Deadline exceeded' };
    const timer = setTimeout(() => this.#abandon(stream, late), timeoutMs);
    this.#calls.set(stream, { ended, timer, message: undefined });
    this.#sendWindow -= message.length + grpcPrefixBytes;
    this.#send(encodeRequest(this.#headers.of(path), message, stream));
    if (this.#nextStream >= lastStream) this.#leave();
    return {
      cancel: () => this.#abandon(stream, { kind: 'failed', code: grpc.cancelled, details: 'Cancelled on client' }),
    };
  }

  /** Ends the connection and all its calls. */
  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#socket.destroy();
    for (const stream of [...this.#calls.keys()])
      this.#finish(stream, { kind: 'failed', code: grpc.unavailable, details: reason });
  }

  #read(bytes: Buffer): void {
    try {
      this.#reader.read(bytes, this.#take);
    } catch (error) {
      this.end(`the member's HTTP/2 is not understood: ${error instanceof Error ? error.message : error}`);
    }
  }

  readonly #take = ({ type, flags, stream, payload }: Frame): void => {
    switch (type) {
      case frameTypes.data:
        this.#receive(flags, stream, payload);
        break;
      case frameTypes.headers:
        this.#takeHeaders(flags, stream, payload);
        break;
      case frameTypes.reset:
        this.#finish(stream, {
          kind: 'failed',
          code: grpc.unavailable,
          details: `the member reset the call (HTTP/2 code ${payload.readUInt32BE()})`,
        });
        break;
      case frameTypes.settings:
        if ((flags & frameFlags.ack) === 0) this.#greeted(decodeSettings(payload));
        break;
      case frameTypes.ping:
        if ((flags & frameFlags.ack) === 0) this.#send(encodeFrame(frameTypes.ping, frameFlags.ack, 0, payload));
        break;
      case frameTypes.goAway:
        this.#goAway(payload.readUInt32BE() & largestWindowBytes);
        break;
      case frameTypes.windowUpdate:
        if (stream === 0) this.#sendWindow += payload.readUInt32BE() & largestWindowBytes;
        break;
      case frameTypes.pushPromise:
      case frameTypes.continuation:
        throw new Error(`a frame of type ${type}`);
      default:
      // A client must leave alone what it does not know (RFC 9113, section 4.1).
    }
  };

  #greeted(settings: ReadonlyMap<number, number>): void {
    this.#maxCalls = settings.get(settingIds.maxConcurrentStreams) ?? this.#maxCalls;
    this.#streamWindow = settings.get(settingIds.initialWindowSize) ?? this.#streamWindow;
    // The header blocks count on a table of the usual size.
    if ((settings.get(settingIds.headerTableSize) ?? Number.POSITIVE_INFINITY) < 4096) throw new Error('a small table');
    this.#send(encodeFrame(frameTypes.settings, frameFlags.ack, 0, Buffer.alloc(0)));
    if (this.#state === 'greeting') this.#state = 'open';
  }

  #receive(flags: number, stream: number, payload: Buffer): void {
    if (flags & frameFlags.padded) throw new Error('padding');
    this.#received += payload.length;
    if (this.#received >= receiveWindowBytes / 4) {
      this.#send(giveBack(this.#received));
      this.#received = 0;
    }
    const call = this.#calls.get(stream);
    if (!call) return;
    call.message = call.message === undefined ? Buffer.from(payload) : Buffer.concat([call.message, payload]);
    if (flags & frameFlags.endStream) this.#finish(stream, withoutStatus);
  }

  #takeHeaders(flags: number, stream: number, block: Buffer): void {
    if ((flags & frameFlags.endHeaders) === 0 || flags & (frameFlags.padded | frameFlags.priority))
      throw new Error(`headers with the flags ${flags}`);
    // What an answer begins with says nothing that its end does not.
    if ((flags & frameFlags.endStream) === 0) return;
    const known = this.#wellBlock?.equals(block) ? well : readStatus(block);
    if (known?.code !== 0) {
      this.#finish(stream, known ? { kind: 'failed', code: known.code, details: known.message } : withoutStatus);
      return;
    }
    if (known !== well) this.#wellBlock = Buffer.from(block);
    this.#finish(stream, answerIn(this.#calls.get(stream)?.message));
  }

  #goAway(lastHandled: number): void {
    this.#leave();
    for (const stream of [...this.#calls.keys()])
      if (stream > lastHandled) this.#finish(stream, failure('the member goes away'));
  }

  #leave(): void {
    if (this.isOpen) this.#state = 'leaving';
    this.#endIfDone();
  }

  /** Ends a call whose answer nobody waits for any more, and tells the server. */
  #abandon(stream: number, end: CallEnd): void {
    if (!this.#calls.has(stream)) return;
    this.#send(encodeFrame(frameTypes.reset, 0, stream, encodeNumber(streamCancelled)));
    this.#finish(stream, end);
  }

  #finish(stream: number, end: CallEnd): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#calls.delete(stream);
    clearTimeout(call.timer);
    call.ended(end);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state === 'leaving' && this.#calls.size === 0) this.end('the connection was used up');
  }

  /** What is sent in one turn of the event loop goes out in one piece. */
  #send(bytes: Buffer): void {
    this.#outgoing.push(bytes);
    if (this.#outgoing.length === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const [first, ...more] = this.#outgoing;
    this.#outgoing = [];
    if (first && this.#state !== 'ended')
      this.#socket.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
  };
}

const failure = (details: string): CallEnd => ({ kind: 'failed', code: grpc.unavailable, details });

const well: GrpcStatus = { code: 0, message: '' };
const withoutStatus: CallEnd = { kind: 'failed', code: grpc.unknown, details: 'an answer without a status' };

/** The one message of an answer, without gRPC's prefix: whether it is compressed, which nobody asked for, and its length. */
function answerIn(bytes: Buffer | undefined): CallEnd {
  if (!bytes) return failure('an empty answer');
  const isWhole = bytes.length >= grpcPrefixBytes && bytes.readUInt32BE(1) === bytes.length - grpcPrefixBytes;
  if (bytes[0] !== 0 || !isWhole) throw new Error('a message that is not as gRPC has it');
  return { kind: 'answered', message: bytes.subarray(grpcPrefixBytes) };
}

/** The headers and the one message of a request, which ends with it. */
function encodeRequest(headers: Buffer, message: Buffer, stream: number): Buffer {
  const length = message.length + grpcPrefixBytes;
  const bytes = Buffer.allocUnsafe(2 * frameHeaderBytes + headers.length + length);
  let at = writeFrameHeader(bytes, 0, headers.length, frameTypes.headers, frameFlags.endHeaders, stream);
  at += headers.copy(bytes, at);
  at = writeFrameHeader(bytes, at, length, frameTypes.data, frameFlags.endStream, stream);
  bytes[at] = 0;
  at = bytes.writeUInt32BE(message.length, at + 1);
  message.copy(bytes, at);
  return bytes;
}

function giveBack(bytes: number): Buffer {
  return encodeFrame(frameTypes.windowUpdate, 0, 0, encodeNumber(bytes));
}
