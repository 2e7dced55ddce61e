/** One active check of a master: TLS `GET /readyz`, which must answer 200 in time. */
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BackendAddress, CheckFailure } from './core/pool-state.ts';
import type { Resolver } from './resolver.ts';

export class CheckError extends Error {
  override readonly name = 'CheckError';
  readonly failure: CheckFailure;

  constructor(failure: CheckFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

export interface CheckOptions {
  /** Over a new connection: proves that the master still accepts. Otherwise one that is kept alive will do. */
  readonly fresh: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HealthCheck {
  /** Resolves if the backend is ready, else throws a CheckError (or anything at all once the signal is aborted). */
  check(backend: BackendAddress, options: CheckOptions): Promise<void>;
  /** Ends what is kept between checks. */
  close(): void;
}

export interface TlsCheckOptions {
  readonly path: string;
  /** The name that the certificate must be valid for; also sent as SNI and Host. */
  readonly serverName: string;
  /** PEM. Without it the certificate is not verified. */
  readonly ca?: string | Buffer | undefined;
  readonly resolver: Resolver;
  /** What the backend expects before the TLS hello. */
  readonly header?: Buffer | undefined;
}

export function createTlsCheck(options: TlsCheckOptions): HealthCheck {
  const trust = options.ca === undefined ? { rejectUnauthorized: false } : { ca: options.ca };
  const kept = new Agent({ ...trust, keepAlive: true, maxSockets: 2, servername: options.serverName });
  const fresh = new Agent({ ...trust, keepAlive: false, servername: options.serverName });
  const { header } = options;
  if (header !== undefined) {
    kept.createConnection = fresh.createConnection = ({ host, port, lookup }) => {
      const to = { host: host ?? 'localhost', port: Number(port), ...(lookup === undefined ? {} : { lookup }) };
      const socket = connect(to);
      socket.write(header);
      const secure = connectTls({ ...trust, servername: options.serverName, socket });
      socket.on('error', (error) => secure.destroy(error));
      return secure;
    };
  }
  const check: HealthCheck['check'] = (backend, { fresh: newConnection, timeoutMs, signal }) =>
    new Promise((resolve, reject) => {
      const asked = request(
        {
          host: backend.host,
          port: backend.port,
          path: options.path,
          agent: newConnection ? fresh : kept,
          lookup: options.resolver.forSockets,
          headers: { host: options.serverName, 'user-agent': 'trimaster-lb' },
          signal,
        },
        (answer) => {
          let body = '';
          answer.setEncoding('utf8');
          answer.on('data', (text: string) => {
            if (body.length < 1024) body += text;
          });
          answer.on('end', () => {
            stop();
            if (answer.statusCode === 200) resolve();
            else reject(new CheckError('unready', `${options.path} answered ${answer.statusCode}${reasonIn(body)}`));
          });
        },
      );
      const stop = onTimeout(timeoutMs, () => {
        asked.destroy(new CheckError('silent', `no answer to ${options.path} within ${Math.round(timeoutMs)} ms`));
      });
      asked.on('error', (error) => {
        stop();
        reject(toCheckError(error));
      });
      asked.end();
    });
  return {
    check,
    close: () => {
      kept.destroy();
      fresh.destroy();
    },
  };
}

/**
 * Calls back once after `ms`, unless stopped. When this process itself was held up (paused, no CPU), the answers may be
 * waiting unread: then it lets the sockets be read first and gives a second, shorter term, so that a balancer that wakes
 * up does not find every master dead.
 */
function onTimeout(ms: number, callback: () => void): () => void {
  let dueAt = performance.now() + ms;
  let extended = false;
  let immediate: NodeJS.Immediate | undefined;
  const fire = () => {
    const lateMs = performance.now() - dueAt;
    if (lateMs > heldUpMs && !extended) {
      extended = true;
      dueAt = performance.now() + ms / 2;
      timer = setTimeout(fire, ms / 2);
    } else {
      immediate = setImmediate(callback);
    }
  };
  let timer = setTimeout(fire, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}

const heldUpMs = 100;

function toCheckError(error: Error): CheckError {
  if (error instanceof CheckError) return error;
  const code = 'code' in error ? String(error.code) : '';
  // An AggregateError of several addresses has its story in `errors`, and an empty message.
  const message = error.message === '' ? code : error.message;
  const failure = refusals.has(code) ? 'refused' : code === 'ETIMEDOUT' ? 'silent' : 'broken';
  return new CheckError(failure, message, { cause: error });
}

/** Nobody listens, or there is no such machine (any more). */
const refusals = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN']);

function reasonIn(body: string): string {
  const failed = body.split('\n').find((line) => line.startsWith('[-]')) ?? body.split('\n')[0] ?? '';
  return failed === '' ? '' : `: ${failed.slice(0, 160)}`;
}
