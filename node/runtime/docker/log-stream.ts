/**
 * The engine's log stream as plain bytes. Without a terminal the engine sends frames: one byte for the stream (1 output,
 * 2 error), three of nothing, four for the length, then the payload (Engine API, "Attach to a container", stream format).
 */
import { Transform } from 'node:stream';

const headerBytes = 8;

export interface Piece {
  /** 1 output, 2 error. */
  readonly stream: number;
  readonly payload: Buffer;
}

/** Takes frames and gives their payloads. A frame may be cut anywhere between two chunks. */
export function withoutFrames(): Transform {
  const piecesOf = unframe();
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (const { payload } of piecesOf(chunk)) this.push(payload);
      done();
    },
  });
}

/** The same, with the stream that each piece belongs to. */
export async function* framesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  const piecesOf = unframe();
  for await (const chunk of source) yield* piecesOf(chunk);
}

/** Remembers from one chunk to the next where in a frame it is. */
function unframe(): (chunk: Buffer) => Generator<Piece> {
  let header = Buffer.alloc(0);
  let stream = 0;
  let left = 0;
  return function* (chunk) {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const part = chunk.subarray(at, at + headerBytes - header.length);
        header = Buffer.concat([header, part]);
        at += part.length;
        if (header.length < headerBytes) break;
        stream = header.readUInt8(0);
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      } else {
        const payload = chunk.subarray(at, at + left);
        at += payload.length;
        left -= payload.length;
        yield { stream, payload };
      }
    }
  };
}
