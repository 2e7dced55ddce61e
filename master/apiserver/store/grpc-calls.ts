/** gRPC's two kinds of calls, as what comes on their streams makes them: messages, each after a prefix, and a status in the end. */
import { grpcPrefixBytes } from '../../api/grpc.ts';
import { type GrpcStatus, ProtocolError } from './http2-frames.ts';

export const statuses = {
  well: { code: 0, message: '' },
  cancelled: { code: 1, message: 'Cancelled on client' },
  unsaid: { code: 2, message: 'an answer without a status' },
  late: { code: 4, message: 'Deadline exceeded' },
} as const;

/** What is no matter of the call itself: gRPC's UNAVAILABLE. */
export const failure = (message: string): GrpcStatus => ({ code: 14, message });

/** What became of a call. The answer's bytes are its own. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly message: Buffer }
  /** With gRPC's code, and the server's words or the connection's. */
  | { readonly kind: 'failed'; readonly code: number; readonly details: string };

/** A call with one message as its answer. */
export class GrpcCall {
  readonly ended: (end: CallEnd) => void;
  readonly #timer: NodeJS.Timeout;
  #bytes: Buffer | undefined;

  /** `timer`: of its deadline. */
  constructor(ended: (end: CallEnd) => void, timer: NodeJS.Timeout) {
    this.ended = ended;
    this.#timer = timer;
  }

  take(bytes: Buffer): void {
    this.#bytes = this.#bytes === undefined ? Buffer.from(bytes) : Buffer.concat([this.#bytes, bytes]);
  }

  end(status: GrpcStatus): void {
    clearTimeout(this.#timer);
    const { code, message } = status.code === 0 ? this.#trouble() : status;
    const bytes = this.#bytes;
    if (code !== 0 || !bytes) this.ended({ kind: 'failed', code, details: message });
    else this.ended({ kind: 'answered', message: bytes.subarray(grpcPrefixBytes) });
  }

  /** What is wrong with an answer whose status is good. */
  #trouble(): GrpcStatus {
    const bytes = this.#bytes;
    if (!bytes) return failure('an empty answer');
    if (bytes.length < grpcPrefixBytes || bytes[0] !== 0) return failure('an answer that is not as gRPC has it');
    return bytes.readUInt32BE(1) === bytes.length - grpcPrefixBytes ? statuses.well : failure('an answer in parts');
  }
}

export interface GrpcStreamListener {
  /** The bytes are its own. */
  onMessage(message: Buffer): void;
  /** The stream is over, for whatever reason. */
  onEnd(status: GrpcStatus): void;
}

/** A stream of messages. */
export class GrpcStream {
  /** Bytes that the server has room for. */
  sendWindow: number;
  readonly #listener: GrpcStreamListener;
  #rest: Buffer | undefined;
  #open = true;

  constructor(listener: GrpcStreamListener, sendWindow: number) {
    this.#listener = listener;
    this.sendWindow = sendWindow;
  }

  take(bytes: Buffer): void {
    const all = this.#rest === undefined ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + grpcPrefixBytes <= all.length) {
      if (all[at] !== 0) throw new ProtocolError('a message that is compressed');
      const start = at + grpcPrefixBytes;
      const end = start + all.readUInt32BE(at + 1);
      if (end > all.length) break;
      if (this.#open) this.#listener.onMessage(all.subarray(start, end));
      at = end;
    }
    this.#rest = at < all.length ? all.subarray(at) : undefined;
  }

  end(status: GrpcStatus): void {
    if (!this.#open) return;
    this.#open = false;
    this.#listener.onEnd(status);
  }

  /** The listener is told nothing more. */
  close(): void {
    this.#open = false;
  }
}
