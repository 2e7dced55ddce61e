/**
 * The engine's log stream as plain bytes. Without a terminal the engine sends frames: one byte for the stream (1 output,
 * 2 error), three of nothing, four for the length, then the payload (Engine API, "Attach to a container", stream format).
 */
import { Transform } from 'node:stream';

const headerBytes = 8;

/** Takes frames and gives their payloads. A frame may be cut anywhere between two chunks. */
export function withoutFrames(): Transform {
  let header = Buffer.alloc(0);
  let left = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let at = 0;
      while (at < chunk.length) {
        if (left === 0) {
          const part = chunk.subarray(at, at + headerBytes - header.length);
          header = Buffer.concat([header, part]);
          at += part.length;
          if (header.length < headerBytes) break;
          left = header.readUInt32BE(4);
          header = Buffer.alloc(0);
        } else {
          const payload = chunk.subarray(at, at + left);
          this.push(payload);
          at += payload.length;
          left -= payload.length;
        }
      }
      done();
    },
  });
}
