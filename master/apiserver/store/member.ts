/**
 * One etcd member, reached over etcd3's connections, or by the cheaper way of `grpc-socket.ts` where there is no TLS. Every call has a deadline. etcd3's own retries, breakers and Watcher are not
 * used: a retry there sends a write twice whose first outcome is unknown, and its Watcher goes on from the header's revision
 * after a reconnect, which skips the events that an unsynced watch had still to deliver.
 */
import { isIP } from 'node:net';
import { Etcd3, type IOptions } from 'etcd3';
import { messageOf } from '../../api/errors.ts';
import type { CallEnd } from './grpc-calls.ts';
import type { PlainAddress } from './grpc-session.ts';
import { GrpcSocket } from './grpc-socket.ts';
import type { RequestDurations } from './request-durations.ts';
import type { Sealing } from './sealing/sealing.ts';
import {
  decodeHeaderOnly,
  decodeRange,
  decodeStatus,
  decodeTxn,
  decodeWatch,
  encodeCompaction,
  encodeRange,
  encodeTxn,
  encodeWatchCreate,
  encodeWatchProgress,
  type Header,
  type RangeRequest,
  type RangeResponse,
  type StatusResponse,
  type TxnRequest,
  type TxnResponse,
  type WatchResponse,
} from './wire.ts';

export interface EtcdTls {
  readonly ca: Buffer;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

/** gRPC's codes that the store tells apart. */
export const grpcCodes = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  outOfRange: 11,
  unavailable: 14,
} as const;

/** A call that failed, with gRPC's code and etcd's or the transport's own words. */
export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  /** Its URL. */
  readonly member: string;
  readonly code: number;
  readonly details: string;

  constructor(member: string, code: number, details: string) {
    super(`etcd member ${member}: ${details} (gRPC code ${code})`);
    this.member = member;
    this.code = code;
    this.details = details;
  }

  /** Whether the request certainly changed nothing and never will: etcd refused it, or it never left this process. */
  get refused(): boolean {
    if (this.details.startsWith(notSent)) return true;
    return this.details.startsWith('etcdserver:') && definiteCodes.has(this.code);
  }

  /** No answer came in its time. */
  get late(): boolean {
    return this.code === grpcCodes.deadlineExceeded;
  }

  /** This process ended the call itself. */
  get givenUp(): boolean {
    return this.code === grpcCodes.cancelled;
  }

  /** The member is well: it says that it has a new leader by now, and the request is to be made again. */
  get leaderChanged(): boolean {
    return this.details === 'etcdserver: leader changed';
  }

  /** Whether another member, or the same one later, may answer the same request otherwise. */
  get transient(): boolean {
    return !(this.details.startsWith('etcdserver:') && definiteCodes.has(this.code));
  }
}

/** How gRPC says that a request never left this process. */
const notSent = 'No connection established';

/** INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, OUT_OF_RANGE, UNAUTHENTICATED. */
const definiteCodes: ReadonlySet<number> = new Set([3, 7, 8, 9, 11, 16]);

export interface WatchStreamListener {
  onResponse(response: WatchResponse): void;
  /** The stream is over, for whatever reason; called once, and not after `close`. */
  onEnd(error: Error): void;
}

export interface WatchStream {
  /** Asks the member to say how far the watch is: what it answers proves it alive. */
  requestProgress(): void;
  close(): void;
}

export interface MemberOptions {
  /** What is encrypted at rest is decrypted as it comes in. */
  readonly sealing?: Sealing | undefined;
  /** The path of a Unix socket at which it is reached, without TLS, instead of its URL. */
  readonly socket?: string | undefined;
  /** Is told how long requests take. */
  readonly durations?: RequestDurations | undefined;
}

export class Member {
  readonly url: string;
  readonly #options: IOptions;
  readonly #sealing: Sealing | undefined;
  readonly #durations: RequestDurations | undefined;
  /** Those without an answer, each with when it was sent, on the clock of `performance.now`. */
  readonly #txns = new Map<Cancellable, number>();
  #connection: Connection | undefined;
  /** A cheaper way for the small calls that there are many of, where there is no TLS. */
  readonly #direct: GrpcSocket | undefined;

  constructor(url: string, tls: EtcdTls | undefined, { sealing, durations, socket }: MemberOptions = {}) {
    this.url = url;
    this.#sealing = sealing;
    this.#durations = durations;
    const address = socket === undefined ? plainAddress(url) : { path: socket };
    if (address) this.#direct = new GrpcSocket(address);
    if (socket !== undefined) {
      this.#options = { hosts: `unix:${socket}`, grpcOptions };
      return;
    }
    this.#options = { hosts: url, grpcOptions: tls ? { ...grpcOptions, ...nameOverride(url) } : grpcOptions };
    if (tls) {
      const { ca, cert, key } = tls;
      this.#options.credentials = {
        rootCertificate: ca,
        ...(key && { privateKey: key }),
        ...(cert && { certChain: cert }),
      };
    }
  }

  async range(request: RangeRequest, timeoutMs: number): Promise<RangeResponse> {
    const startedAt = performance.now();
    const response = await this.#call(rangePath, encodeRange(request), decodeRange, timeoutMs);
    this.#durations?.ranged(request, startedAt);
    const sealing = this.#sealing;
    return sealing ? { ...response, kvs: response.kvs.map((kv) => sealing.open(kv)) } : response;
  }

  async txn(request: TxnRequest, timeoutMs: number): Promise<TxnResponse> {
    const startedAt = performance.now();
    const response = await this.#callSoon(txnPath, encodeTxn(request), decodeTxn, timeoutMs, this.#txns);
    this.#durations?.wrote(request, startedAt);
    const sealing = this.#sealing;
    return sealing ? { ...response, found: response.found.map((kv) => kv && sealing.open(kv)) } : response;
  }

  /** Whether a transaction is without an answer. */
  get waits(): boolean {
    return this.#txns.size > 0;
  }

  /** Ends the transactions that were sent before then and have no answer yet: they reject, and their outcome is unknown. */
  giveUpTxns(sentBefore: number): void {
    for (const [call, sentAt] of this.#txns) if (sentAt < sentBefore) call.cancel();
  }

  async compact(revision: number, timeoutMs: number): Promise<Header> {
    return this.#call(compactPath, encodeCompaction(revision), decodeHeaderOnly, timeoutMs);
  }

  /** The newest revision that a majority has, and the cluster's identity. */
  async revision(timeoutMs: number): Promise<Header> {
    return this.#callSoon(rangePath, revisionRequest, decodeHeaderOnly, timeoutMs);
  }

  /** How the member itself is; no majority stands behind the answer. */
  async status(timeoutMs: number): Promise<StatusResponse> {
    return this.#call(statusPath, Buffer.alloc(0), decodeStatus, timeoutMs);
  }

  /** Watches every key there is from `startRevision` on. */
  async watch(startRevision: number, listener: WatchStreamListener): Promise<WatchStream> {
    const sealing = this.#sealing;
    let open = true;
    let stream: MessageStream | undefined;
    const take = (response: WatchResponse): void => {
      if (open) listener.onResponse(sealing ? opened(response, sealing) : response);
    };
    const end = (reason: string): void => {
      if (!open) return;
      open = false;
      stream?.close();
      listener.onEnd(new Error(`the watch at ${this.url} ${reason}`));
    };
    const begun = await this.#watchStream(take, end);
    stream = begun;
    begun.write(encodeWatchCreate(startRevision));
    return {
      requestProgress: () => {
        if (open) begun.write(encodeWatchProgress());
      },
      close: () => {
        open = false;
        begun.close();
      },
    };
  }

  /** By the cheaper way where there is one. */
  async #watchStream(take: (response: WatchResponse) => void, end: (reason: string) => void): Promise<MessageStream> {
    const session = await this.#direct?.opened();
    if (session?.takes(0)) {
      return session.stream(watchPath, {
        onMessage: (message) => {
          const response = decodedWatch(message, end);
          if (response) take(response);
        },
        onEnd: ({ code, message }) => end(code === 0 ? endedByMember : `broke: ${message}`),
      });
    }
    const { client, metadata } = await this.#service('Watch');
    const call = client.makeBidiStreamRequest(watchPath, asIs, decodeWatch, metadata);
    call.on('data', take);
    call.on('error', (error: Error) => end(`broke: ${error.message}`));
    call.on('end', () => end(endedByMember));
    return { write: (message) => void call.write(message), close: () => call.cancel() };
  }

  /** Drops the connections; the next call makes new ones, to wherever the name points then. */
  reset(): void {
    this.#direct?.close();
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** As `#call`, by the cheaper way if it is open. */
  #callSoon<T>(
    path: string,
    request: Buffer,
    decode: (bytes: Buffer) => T,
    timeoutMs: number,
    waiting?: Map<Cancellable, number>,
  ): Promise<T> {
    const session = this.#direct?.session(request.length);
    if (!session) return this.#call(path, request, decode, timeoutMs, waiting);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const call = session.call(path, request, timeoutMs, (end: CallEnd) => {
      waiting?.delete(call);
      if (end.kind === 'failed') return reject(new EtcdError(this.url, end.code, end.details));
      try {
        resolve(decode(end.message));
      } catch (error) {
        reject(error);
      }
    });
    waiting?.set(call, performance.now());
    return promise;
  }

  async #call<T>(
    path: string,
    request: Buffer,
    decode: (bytes: Buffer) => T,
    timeoutMs: number,
    waiting?: Map<Cancellable, number>,
  ): Promise<T> {
    const { client, metadata } = this.#connection?.keyValues ?? (await this.#service('KV'));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const deadline = Date.now() + timeoutMs;
    // gRPC notes the caller's stack for every call, at a tenth of the call's cost; nobody would read it.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      const call = client.makeUnaryRequest(path, asIs, decode, request, metadata, { deadline }, (error, response) => {
        waiting?.delete(call);
        if (error) reject(new EtcdError(this.url, error.code, error.details));
        else if (response === undefined) reject(new EtcdError(this.url, grpcCodes.unavailable, 'an empty answer'));
        else resolve(response);
      });
      waiting?.set(call, performance.now());
    } catch (error) {
      // The connection was reset in between.
      throw new EtcdError(this.url, grpcCodes.unavailable, `${notSent}: ${messageOf(error)}`);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    return promise;
  }

  async #service(name: 'KV' | 'Watch'): Promise<Service> {
    this.#connection ??= new Connection(this.#options);
    return this.#connection.service(name);
  }
}

interface MessageStream {
  write(message: Buffer): void;
  close(): void;
}

interface Cancellable {
  cancel(): void;
}

type Service = Awaited<ReturnType<Connection['service']>>;

/** Opens etcd3's gRPC clients to calls that bring their own encoding. */
class Connection extends Etcd3 {
  keyValues: Service | undefined;

  async service(name: 'KV' | 'Watch') {
    const service = await this.pool.withConnection(name, ({ client, metadata }) => ({ client, metadata }));
    if (name === 'KV') this.keyValues = service;
    return service;
  }
}

const grpcOptions = {
  // Each client has connections of its own: a reset truly dials again, and a long list does not hold up the watch.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // A member that restarts may have another address.
  'grpc.dns_min_time_between_resolutions_ms': 500,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** Where a member is whose URL is without TLS. */
function plainAddress(url: string): PlainAddress | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'http:' || port === '') return undefined;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Node's TLS takes no address as the name to ask for, and gRPC has no other; our certificates name loopback. */
function nameOverride(url: string): { 'grpc.ssl_target_name_override'?: string } {
  const host = new URL(url).hostname;
  if (host === '127.0.0.1' || host === '[::1]') return { 'grpc.ssl_target_name_override': 'localhost' };
  if (isIP(host.replace(/^\[|\]$/g, '')) === 0) return {};
  throw new Error(`the etcd endpoint ${url} must be given by a name, not by an address`);
}

const rangePath = '/etcdserverpb.KV/Range';
const txnPath = '/etcdserverpb.KV/Txn';
const compactPath = '/etcdserverpb.KV/Compact';
const watchPath = '/etcdserverpb.Watch/Watch';
const statusPath = '/etcdserverpb.Maintenance/Status';
const endedByMember = 'was ended by the member';
const revisionRequest = encodeRange({ key: '\0', countOnly: true });

function decodedWatch(message: Buffer, failed: (reason: string) => void): WatchResponse | undefined {
  try {
    return decodeWatch(message);
  } catch (error) {
    failed(`broke: ${messageOf(error)}`);
    return undefined;
  }
}

function opened(response: WatchResponse, sealing: Sealing): WatchResponse {
  return { ...response, events: response.events.map(({ type, kv }) => ({ type, kv: sealing.open(kv) })) };
}

function asIs(message: Buffer): Buffer {
  return message;
}
