/** Chunked transfer coding (RFC 9112, 7.1), made here where many connections are given the same chunk. */

/** Bytes, and the same bytes with what makes a chunk of them. */
export interface Chunk {
  readonly bytes: Buffer;
  readonly framed: Buffer;
}

export const lastChunk = Buffer.from('0\r\n\r\n');

const lineEnd = Buffer.from('\r\n');

/** A chunk of some parts; `length` is theirs together, and not 0. */
export function chunkOf(parts: readonly Buffer[], length: number): Chunk {
  const head = Buffer.from(`${length.toString(16)}\r\n`);
  const framed = Buffer.concat([head, ...parts, lineEnd], head.length + length + lineEnd.length);
  return { bytes: framed.subarray(head.length, head.length + length), framed };
}
