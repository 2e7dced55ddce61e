/**
 * One connection of HTTP/2 and the gRPC calls on it: plain ones of one message each way, and streams.
 *
 * Guarantees: a call is sent at once or not taken, so nothing is ever sent after its caller gave it up; each ends exactly once; whatever
 * the server does that is not understood ends the connection and with it all its calls, whose outcome is then unknown.
 */
import { connect, type Socket } from 'node:net';
import { grpcPrefixBytes } from '../../api/grpc.ts';
import { failure, GrpcCall, GrpcStream, type GrpcStreamListener, statuses } from './grpc-calls.ts';
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
  ProtocolError,
  preface,
  RequestHeaders,
  readStatus,
  settingIds,
  smallestMaxFrameBytes,
  writeFrameHeader,
} from './http2-frames.ts';

/** Where a member is reached without TLS. */
export type PlainAddress = { readonly path: string } | { readonly host: string; readonly port: number };

/** Streams have odd numbers of 31 bits; a connection that comes near the end is replaced. */
const lastStream = 2 ** 31 - 2 ** 16;
/** So much may be on its way to this process; etcd's largest answers are a few megabytes. */
const receiveWindowBytes = 16 * 1024 * 1024;
const readBufferBytes = 64 * 1024;
const greetingMs = 1000;
const streamCancelled = 8;

export class GrpcSession {
  /** Whether the server's settings have come: resolves false when the connection ends first. */
  readonly greeted: Promise<boolean>;
  readonly #greet: (greeted: boolean) => void;
  readonly #greetingTimer: NodeJS.Timeout;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #headers = new RequestHeaders();
  readonly #calls = new Map<number, GrpcCall | GrpcStream>();
  #outgoing: Buffer[] = [];
  /** `greeting` until the server's settings have come; `leaving`: the calls that there are go on, but no new ones begin. */
  #state: 'greeting' | 'open' | 'leaving' | 'ended' = 'greeting';
  #nextStream = 1;
  #sendWindow = initialWindowBytes;
  #streamWindow = initialWindowBytes;
  #maxCalls = Number.POSITIVE_INFINITY;
  /** Bytes that were received and not yet given back to the server's window. */
  #received = 0;
  /** How an end looks that says that all is well: all of them are the same. */
  #wellBlock: Buffer | undefined;

  constructor(address: PlainAddress) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.greeted = promise;
    this.#greet = resolve;
    this.#greetingTimer = setTimeout(() => this.end('the member does not greet the connection'), greetingMs);
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

  /** Also while it is being made. */
  get isOpen(): boolean {
    return this.#state === 'greeting' || this.#state === 'open';
  }

  takes(bytes: number): boolean {
    const length = bytes + grpcPrefixBytes;
    if (this.#state !== 'open' || this.#calls.size >= this.#maxCalls) return false;
    return length <= smallestMaxFrameBytes && length <= this.#sendWindow && length <= this.#streamWindow;
  }

  /** Sends a message that it takes. `ended` is called once, never before this returns. */
  call(path: string, message: Buffer, timeoutMs: number, ended: GrpcCall['ended']): { cancel(): void } {
    const stream = this.#newStream();
    const timer = setTimeout(() => this.#abandon(stream, statuses.late), timeoutMs);
    this.#calls.set(stream, new GrpcCall(ended, timer));
    this.#sendWindow -= message.length + grpcPrefixBytes;
    this.#send(encodeHeaders(this.#headers.of(path), stream), encodeMessage(message, stream, frameFlags.endStream));
    this.#leaveAtEnd();
    return { cancel: () => this.#abandon(stream, statuses.cancelled) };
  }

  /** Begins a stream of messages both ways. The listener is called only after this returned, and not after `close`. */
  stream(path: string, listener: GrpcStreamListener): { write(message: Buffer): void; close(): void } {
    const stream = this.#newStream();
    const call = new GrpcStream(listener, this.#streamWindow);
    this.#calls.set(stream, call);
    this.#send(encodeHeaders(this.#headers.of(path), stream));
    this.#leaveAtEnd();
    return {
      // What there is no room for is left out: the server does not read what it was sent before either.
      write: (message) => {
        const length = message.length + grpcPrefixBytes;
        if (!this.#calls.has(stream) || length > Math.min(call.sendWindow, this.#sendWindow)) return;
        call.sendWindow -= length;
        this.#sendWindow -= length;
        this.#send(encodeMessage(message, stream, 0));
      },
      close: () => {
        call.close();
        this.#abandon(stream, statuses.cancelled);
      },
    };
  }

  /** Ends the connection and all its calls. */
  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#greetingTimer);
    this.#greet(false);
    this.#socket.destroy();
    for (const stream of [...this.#calls.keys()]) this.#finish(stream, failure(reason));
  }

  #newStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  #leaveAtEnd(): void {
    if (this.#nextStream >= lastStream) this.#leave();
  }

  #read(bytes: Buffer): void {
    try {
      this.#reader.read(bytes, this.#take);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.end(`the member's HTTP/2 is not understood: ${error.message}`);
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
        this.#finish(stream, failure(`the member reset the call (HTTP/2 code ${payload.readUInt32BE()})`));
        break;
      case frameTypes.settings:
        if ((flags & frameFlags.ack) === 0) this.#takeSettings(decodeSettings(payload));
        break;
      case frameTypes.ping:
        if ((flags & frameFlags.ack) === 0) this.#send(encodeFrame(frameTypes.ping, frameFlags.ack, 0, payload));
        break;
      case frameTypes.goAway:
        this.#goAway(payload.readUInt32BE() & largestWindowBytes);
        break;
      case frameTypes.windowUpdate:
        this.#widen(stream, payload.readUInt32BE() & largestWindowBytes);
        break;
      case frameTypes.pushPromise:
      case frameTypes.continuation:
        throw new ProtocolError(`a frame of type ${type}`);
      default:
      // A client must leave alone what it does not know (RFC 9113, section 4.1).
    }
  };

  #takeSettings(settings: ReadonlyMap<number, number>): void {
    this.#maxCalls = settings.get(settingIds.maxConcurrentStreams) ?? this.#maxCalls;
    const window = settings.get(settingIds.initialWindowSize) ?? this.#streamWindow;
    for (const call of this.#calls.values())
      if (call instanceof GrpcStream) call.sendWindow += window - this.#streamWindow;
    this.#streamWindow = window;
    // The header blocks count on a table of the usual size.
    if ((settings.get(settingIds.headerTableSize) ?? Number.POSITIVE_INFINITY) < 4096)
      throw new ProtocolError('a small table');
    this.#send(encodeFrame(frameTypes.settings, frameFlags.ack, 0, Buffer.alloc(0)));
    if (this.#state !== 'greeting') return;
    this.#state = 'open';
    clearTimeout(this.#greetingTimer);
    this.#greet(true);
  }

  #widen(stream: number, bytes: number): void {
    const call = this.#calls.get(stream);
    if (stream === 0) this.#sendWindow += bytes;
    else if (call instanceof GrpcStream) call.sendWindow += bytes;
  }

  #receive(flags: number, stream: number, payload: Buffer): void {
    if (flags & frameFlags.padded) throw new ProtocolError('padding');
    this.#received += payload.length;
    if (this.#received >= receiveWindowBytes / 4) {
      this.#send(giveBack(this.#received));
      this.#received = 0;
    }
    this.#calls.get(stream)?.take(payload);
    if (flags & frameFlags.endStream) this.#finish(stream, statuses.unsaid);
  }

  #takeHeaders(flags: number, stream: number, block: Buffer): void {
    if ((flags & frameFlags.endHeaders) === 0 || flags & (frameFlags.padded | frameFlags.priority))
      throw new ProtocolError(`headers with the flags ${flags}`);
    // What an answer begins with says nothing that its end does not.
    if ((flags & frameFlags.endStream) === 0) return;
    const isKnown = this.#wellBlock?.equals(block) ?? false;
    const status = isKnown ? statuses.well : (readStatus(block) ?? statuses.unsaid);
    if (status.code === 0 && !isKnown) this.#wellBlock = Buffer.from(block);
    this.#finish(stream, status);
  }

  #goAway(lastHandled: number): void {
    this.#leave();
    for (const stream of [...this.#calls.keys()])
      if (stream > lastHandled) this.#finish(stream, failure('the member goes away'));
  }

  #leave(): void {
    if (this.#state === 'greeting') this.end('the member goes away');
    if (this.#state === 'open') this.#state = 'leaving';
    this.#endIfDone();
  }

  /** Ends a call whose answer nobody waits for any more, and tells the server. */
  #abandon(stream: number, status: GrpcStatus): void {
    if (!this.#calls.has(stream)) return;
    this.#send(encodeFrame(frameTypes.reset, 0, stream, encodeNumber(streamCancelled)));
    this.#finish(stream, status);
  }

  #finish(stream: number, status: GrpcStatus): void {
    const call = this.#calls.get(stream);
    if (!call) return;
    this.#calls.delete(stream);
    call.end(status);
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#state === 'leaving' && this.#calls.size === 0) this.end('the connection was used up');
  }

  /** What is sent in one turn of the event loop goes out in one piece. */
  #send(...bytes: Buffer[]): void {
    if (this.#outgoing.length === 0) setImmediate(this.#flush);
    this.#outgoing.push(...bytes);
  }

  readonly #flush = (): void => {
    const bytes = this.#outgoing;
    this.#outgoing = [];
    if (this.#state !== 'ended') this.#socket.write(Buffer.concat(bytes));
  };
}

function encodeHeaders(block: Buffer, stream: number): Buffer {
  return encodeFrame(frameTypes.headers, frameFlags.endHeaders, stream, block);
}

/** A frame with a message that is not compressed. */
function encodeMessage(message: Buffer, stream: number, flags: number): Buffer {
  const length = message.length + grpcPrefixBytes;
  const frame = Buffer.allocUnsafe(frameHeaderBytes + length);
  let at = writeFrameHeader(frame, 0, length, frameTypes.data, flags, stream);
  at = frame.writeUInt8(0, at);
  at = frame.writeUInt32BE(message.length, at);
  message.copy(frame, at);
  return frame;
}

function giveBack(bytes: number): Buffer {
  return encodeFrame(frameTypes.windowUpdate, 0, 0, encodeNumber(bytes));
}
