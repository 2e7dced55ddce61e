/**
 * A plain HTTPS client of the API for tests and benchmarks. It shares no code with the product, so that it can be a witness:
 * it retries nothing and hides nothing.
 */
import { readFileSync } from 'node:fs';
import { buildConnector, Pool } from 'undici';
import { parse } from 'yaml';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** No connection was made, so the request was not sent: refused, or left in the queue of a listener that closed. */
export class NeverConnected extends Error {
  override readonly name = 'NeverConnected';
  readonly code: string;

  constructor(cause: Error) {
    super(cause.message, { cause });
    this.code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  }
}

export class ApiClient {
  readonly #pool: Pool;

  /**
   * `kubeconfig` is a file's path; `connections` bounds how many requests are under way at once; `onDisconnect` is called
   * whenever one of them ends.
   */
  constructor(
    kubeconfig: string,
    options: { connections?: number; timeoutMs?: number; onDisconnect?: () => void } = {},
  ) {
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8'));
    const { cluster } = clusters[0];
    const { user } = users[0];
    const { connections = 32, timeoutMs = 5_000 } = options;
    const connect = buildConnector({
      ca: pem(cluster['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data']),
      servername: cluster['tls-server-name'],
      timeout: timeoutMs,
    });
    this.#pool = new Pool(cluster.server, {
      connect: (options, callback) =>
        connect(options, (...[error, socket]) => {
          if (error) callback(new NeverConnected(error), null);
          else callback(null, socket);
        }),
      connections,
      headersTimeout: timeoutMs,
      bodyTimeout: 0,
    });
    if (options.onDisconnect) this.#pool.on('disconnect', options.onDisconnect);
  }

  /** Rejects when the connection fails, with NeverConnected when none was made; any status is an answer. A body that is a text is sent as it is. */
  async send(
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    type = 'application/json',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const {
      statusCode,
      headers: given,
      body: stream,
    } = await this.#pool.request({
      method,
      path,
      headers: body === undefined ? headers : { ...headers, 'content-type': type },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: statusCode, headers: given, text: await stream.text() };
  }

  /** The answer's JSON; rejects unless it is a success. */
  async json<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    type?: string,
  ): Promise<T> {
    const { status, text } = await this.send(method, path, body, type);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }

  /** The lines of a watch as they come, until the signal is aborted. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const { statusCode, body } = await this.#pool.request({ method: 'GET', path, signal });
    if (statusCode !== 200) throw new Error(`watch ${path}: ${statusCode} ${await body.text()}`);
    let rest = '';
    for await (const chunk of body.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  }

  /** The same, as the bytes that come. Rejects when the signal is aborted. */
  async watchBytes(path: string, signal: AbortSignal, take: (bytes: Buffer) => void): Promise<void> {
    const { statusCode, body } = await this.#pool.request({ method: 'GET', path, signal });
    if (statusCode !== 200) throw new Error(`watch ${path}: ${statusCode} ${await body.text()}`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    body.on('data', take).on('end', resolve).on('error', reject);
    await promise;
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

const pem = (data: string | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
