/**
 * HTTP/2's frames (RFC 9113) and header blocks (RFC 7541), as far as a gRPC client of etcd needs them. Pure: bytes in, bytes out.
 *
 * Not here: padding and priorities, which etcd's server never sends, and continuations, which only headers beyond 16 KiB need. Whatever
 * is not understood throws, and its connection is given up.
 */
import { grpcMessageText } from '../../api/grpc.ts';

export const frameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Numbers of the settings that a client or a server says. */
export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
export const frameHeaderBytes = 9;
/** What may be sent before the other side says more. */
export const initialWindowBytes = 65_535;
export const smallestMaxFrameBytes = 16_384;
export const largestWindowBytes = 2 ** 31 - 1;

/** What the other side sent makes no sense here. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Part of what was read: to be copied by whoever keeps it. */
  readonly payload: Buffer;
}

/** Writes a frame's header and gives where its payload begins. */
export function writeFrameHeader(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  into.writeUIntBE(length, at, 3);
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(stream, at + 5);
  return at + frameHeaderBytes;
}

export function encodeFrame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  payload.copy(frame, writeFrameHeader(frame, 0, payload.length, type, flags, stream));
  return frame;
}

/** A payload that is one number: of a reset or a window update. */
export function encodeNumber(value: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return payload;
}

export function encodeSettings(settings: ReadonlyMap<number, number>): Buffer {
  const payload = Buffer.allocUnsafe(settings.size * 6);
  let at = 0;
  for (const [id, value] of settings) at = payload.writeUInt32BE(value, payload.writeUInt16BE(id, at));
  return encodeFrame(frameTypes.settings, 0, 0, payload);
}

export function decodeSettings(payload: Buffer): Map<number, number> {
  const settings = new Map<number, number>();
  for (let at = 0; at + 6 <= payload.length; at += 6)
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return settings;
}

/** Cuts what is read into frames. */
export class FrameReader {
  #rest: Buffer | undefined;

  /** Tells every frame that is whole. What is given may be used again afterwards. */
  read(bytes: Buffer, tell: (frame: Frame) => void): void {
    const all = this.#rest === undefined ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + frameHeaderBytes <= all.length) {
      const start = at + frameHeaderBytes;
      const end = start + all.readUIntBE(at, 3);
      if (end > all.length) break;
      const stream = all.readUInt32BE(at + 5) & largestWindowBytes;
      tell({ type: all[at + 3] ?? 0, flags: all[at + 4] ?? 0, stream, payload: all.subarray(start, end) });
      at = end;
    }
    this.#rest = at < all.length ? Buffer.from(all.subarray(at)) : undefined;
  }
}

/**
 * The header blocks of gRPC requests. What is the same in all of them goes into the connection's table with the first one, so that the
 * others are a few bytes. They must be sent in the order in which they were made.
 */
export class RequestHeaders {
  /** As in the server's table: the newest first. Invariant: far less than the 4096 bytes that the table holds at least. */
  readonly #table: string[] = [];
  readonly #blocks = new Map<string, Buffer>();

  of(path: string): Buffer {
    const known = this.#blocks.get(path);
    if (known) return known;
    const before = this.#table.length;
    const block = Buffer.concat([
      // :method POST and :scheme http, of the table that every connection has.
      Buffer.from([0x83, 0x86]),
      this.#field(4, '', path),
      this.#field(1, '', 'localhost'),
      this.#field(31, '', 'application/grpc'),
      this.#field(0, 'te', 'trailers'),
    ]);
    // What follows a new entry is written otherwise the next time.
    if (this.#table.length === before) this.#blocks.set(path, block);
    else this.#blocks.clear();
    return block;
  }

  /** `nameIndex`: of the name in the table that every connection has; 0: it is not there. */
  #field(nameIndex: number, name: string, value: string): Buffer {
    const entry = `${nameIndex} ${name} ${value}`;
    const place = this.#table.indexOf(entry);
    if (place >= 0) return Buffer.from([0x80 | (firstDynamicIndex + place)]);
    this.#table.unshift(entry);
    const written = [Buffer.from([0x40 | nameIndex])];
    for (const text of nameIndex === 0 ? [name, value] : [value])
      written.push(Buffer.from([text.length]), Buffer.from(text, 'latin1'));
    return Buffer.concat(written);
  }
}

const firstDynamicIndex = 62;

/** How a call ended, by gRPC's own trailers. */
export interface GrpcStatus {
  readonly code: number;
  readonly message: string;
}

/** Reads gRPC's status from a header block; undefined where it has none. For a connection whose table the client has set to nothing. */
export function readStatus(block: Buffer): GrpcStatus | undefined {
  const reader = new BlockReader(block);
  let code: number | undefined;
  let message = '';
  while (!reader.atEnd) {
    const [name, value] = reader.field();
    if (name === 'grpc-status') code = Number(value);
    else if (name === 'grpc-message') message = grpcMessageText(value);
  }
  return code === undefined ? undefined : { code, message };
}

class BlockReader {
  readonly #block: Buffer;
  #at = 0;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length;
  }

  /** The next field; empty where nothing that gRPC says can stand. */
  field(): readonly [name: string, value: string] {
    const first = this.#block[this.#at] ?? 0;
    if (first >= 0x80) {
      // gRPC's names are in no table that every connection has.
      if (this.#number(7) >= firstDynamicIndex) throw new ProtocolError('a header refers to a table that is empty');
      return ['', ''];
    }
    if (first >= 0x20 && first < 0x40) {
      this.#number(5);
      return ['', ''];
    }
    const nameIndex = this.#number(first >= 0x40 ? 6 : 4);
    if (nameIndex >= firstDynamicIndex) throw new ProtocolError('a header refers to a table that is empty');
    const name = nameIndex === 0 ? this.#text() : '';
    return [name, this.#text()];
  }

  /** A number that begins in the last bits of a byte. */
  #number(bits: number): number {
    const mask = 2 ** bits - 1;
    let value = this.#next() & mask;
    if (value < mask) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#next();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      if (factor > 2 ** 28) throw new ProtocolError('a header has a number that is too large');
    }
  }

  #text(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#number(7);
    if (this.#at + length > this.#block.length) throw new ProtocolError('a header ends too early');
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    this.#at += length;
    return isHuffman ? fromHuffman(bytes) : bytes.toString('latin1');
  }

  #next(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new ProtocolError('a header ends too early');
    this.#at += 1;
    return byte;
  }
}

/**
 * Lengths in bits of the codes of NUL and of space to `~` (RFC 7541, appendix B). Among codes of one length the order is that of the
 * characters, so the lengths say all; those of the other characters are longer than nearly all of these, and gRPC sends none of them.
 */
const huffmanBits: readonly (readonly [character: number, bits: number])[] = [
  [0, 13],
  ...[
    ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
    ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
    ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13],
  ].map((bits, place): [number, number] => [place + 0x20, bits]),
];

let huffmanCodes: Map<number, string> | undefined;

/** Characters by their code with a 1 in front of it, so that codes of different lengths differ as numbers. */
function huffman(): Map<number, string> {
  const codes = new Map<number, string>();
  let code = 0;
  let length = 0;
  for (const [character, bits] of huffmanBits.toSorted(([a, x], [b, y]) => x - y || a - b)) {
    code *= 2 ** (bits - length);
    length = bits;
    codes.set(2 ** bits + code, String.fromCharCode(character));
    code += 1;
  }
  return codes;
}

function fromHuffman(bytes: Buffer): string {
  huffmanCodes ??= huffman();
  let text = '';
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((byte >> bit) & 1);
      const character = huffmanCodes.get(code);
      if (character === undefined) {
        if (code >= 2 ** 20) throw new ProtocolError('a header has a character that gRPC does not send');
        continue;
      }
      text += character;
      code = 1;
    }
  }
  return text;
}
