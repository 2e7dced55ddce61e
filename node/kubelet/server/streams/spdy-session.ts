/**
 * The server's side of a SPDY/3.1 connection, as far as Kubernetes' clients use it (draft-mbelshe-httpbis-spdy-00): the client
 * opens streams with headers, both sides write and half-close them, pings are answered.
 *
 * There is no flow control by windows, because these clients have none: a stream that is not read holds up the whole
 * connection instead of filling the memory. The server opens no streams.
 */
import { Duplex } from 'node:stream';
import { HeaderReader, type Headers, HeaderWriter } from './spdy-headers.ts';

const types = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  window: 9,
} as const;
const fin = 0x01;
const frameHeaderBytes = 8;
/** No client sends headers of this size; compressed ones could fill the memory. */
const largestControlBytes = 64 * 1024;
/** Small enough that streams take turns. */
const largestDataBytes = 32 * 1024;
const cancel = 5;

export class SpdySession {
  readonly #transport: Duplex;
  readonly #opened: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();

  /** `opened` is told of each stream that the client opens, and reads or discards what it carries. */
  constructor(transport: Duplex, opened: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#opened = opened;
  }

  /** Serves until the client is gone. Rejects when it breaks the protocol. Nothing is open afterwards. */
  async run(): Promise<void> {
    try {
      for await (const frame of framesOf(this.#transport)) {
        if (frame.control) await this.#control(frame);
        else await this.#data(frame);
      }
    } finally {
      this.#reader.close();
      this.#writer.close();
      for (const stream of this.#streams.values()) stream.abandon();
      this.#streams.clear();
      this.#transport.destroy();
    }
  }

  async #control({ type, flags, payload }: Frame): Promise<void> {
    switch (type) {
      case types.synStream: {
        const id = payload.readUInt32BE(0) & 0x7fffffff;
        const headers = await this.#reader.read(payload.subarray(10));
        if (this.#streams.has(id)) throw new Error(`SPDY stream ${id} is opened twice`);
        const stream = new SpdyStream(headers, (sent) => this.#send(id, sent));
        this.#streams.set(id, stream);
        stream.once('close', () => this.#streams.delete(id));
        this.#transport.write(controlFrame(types.synReply, 0, [word(id), await this.#writer.write({})]));
        if ((flags & fin) !== 0) await stream.receive(undefined);
        return this.#opened(stream);
      }
      case types.headers:
        // Nobody sends them; but the compression must see every block.
        await this.#reader.read(payload.subarray(4));
        return;
      case types.rstStream:
        this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff)?.abandon();
        return;
      case types.ping:
        this.#transport.write(controlFrame(types.ping, 0, [payload]));
        return;
      case types.goAway:
      case types.settings:
      case types.window:
        return;
      default:
        throw new Error(`a SPDY frame of type ${type} is not known`);
    }
  }

  async #data({ stream: id, flags, payload }: Frame): Promise<void> {
    const stream = this.#streams.get(id);
    if (!stream) return;
    if (payload.length > 0) await stream.receive(payload);
    if ((flags & fin) !== 0) await stream.receive(undefined);
  }

  #send(id: number, sent: Sent): Promise<void> {
    const frame =
      sent.kind === 'reset'
        ? controlFrame(types.rstStream, 0, [word(id), word(cancel)])
        : dataFrame(id, sent.kind === 'end' ? fin : 0, sent.kind === 'data' ? sent.bytes : Buffer.alloc(0));
    return new Promise((resolve, reject) => {
      if (this.#transport.destroyed) return reject(new Error('the connection is closed'));
      this.#transport.write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }
}

type Sent = { readonly kind: 'data'; readonly bytes: Buffer } | { readonly kind: 'end' } | { readonly kind: 'reset' };

/** A stream that the client opened. Destroying it before both sides have ended tells the client so. */
export class SpdyStream extends Duplex {
  readonly headers: Headers;
  readonly #send: (sent: Sent) => Promise<void>;
  #read: (() => void) | undefined;
  #abandoned = false;

  constructor(headers: Headers, send: (sent: Sent) => Promise<void>) {
    super({ allowHalfOpen: true });
    this.headers = headers;
    this.#send = send;
  }

  /** Bytes from the client, or its end; resolves when more may come. */
  receive(bytes: Buffer | undefined): Promise<void> {
    if (this.destroyed || this.readableEnded) return Promise.resolve();
    if (this.push(bytes ?? null) || bytes === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#read = resolve;
      this.once('close', resolve);
    });
  }

  /** The client has given the stream up, or is gone: nothing is sent any more. */
  abandon(): void {
    this.#abandoned = true;
    this.destroy();
  }

  override _read(): void {
    this.#read?.();
    this.#read = undefined;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const pieces: Promise<void>[] = [];
    for (let at = 0; at < chunk.length; at += largestDataBytes) {
      pieces.push(this.#send({ kind: 'data', bytes: chunk.subarray(at, at + largestDataBytes) }));
    }
    Promise.all(pieces).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ kind: 'end' }).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const over = this.#abandoned || (this.readableEnded && this.writableFinished);
    if (!over) this.#send({ kind: 'reset' }).catch(() => {});
    done(error);
  }
}

interface Frame {
  readonly control: boolean;
  /** Of control frames. */
  readonly type: number;
  /** Of data frames. */
  readonly stream: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** Cuts bytes into frames, wherever they were cut on their way. */
export async function* framesOf(source: AsyncIterable<unknown>): AsyncGenerator<Frame> {
  let buffered: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    if (!Buffer.isBuffer(chunk)) throw new Error('a SPDY connection carries bytes');
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= frameHeaderBytes) {
      const length = buffered.readUIntBE(5, 3);
      const first = buffered.readUInt32BE(0);
      const control = first >>> 31 === 1;
      if (control && first >>> 16 !== 0x8003) throw new Error('this is not SPDY/3');
      if (control && length > largestControlBytes) throw new Error('a SPDY control frame is too large');
      if (buffered.length < frameHeaderBytes + length) break;
      yield {
        control,
        type: control ? first & 0xffff : 0,
        stream: control ? 0 : first,
        flags: buffered.readUInt8(4),
        payload: buffered.subarray(frameHeaderBytes, frameHeaderBytes + length),
      };
      buffered = buffered.subarray(frameHeaderBytes + length);
    }
  }
}

export function controlFrame(type: number, flags: number, parts: readonly Buffer[]): Buffer {
  return frame((0x8003_0000 | type) >>> 0, flags, Buffer.concat(parts));
}

export const dataFrame = (stream: number, flags: number, payload: Buffer): Buffer => frame(stream, flags, payload);

function frame(first: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(first, 0);
  header.writeUInt8(flags, 4);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
