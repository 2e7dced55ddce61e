/**
 * A client that writes and reads all the time through the balancer, with the retries of any client of Kubernetes and no others: a
 * refused connection, 429 and 503 with Retry-After, and a kept connection that the other side had closed meanwhile. Whatever else
 * goes wrong is a failed request. It is a witness, so it shares no code with the product.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';

const path = '/api/v1/namespaces/default/configmaps';
const pauseMs = 10;
const timeoutMs = 10_000;
const longestRetryMs = 10_000;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterS: number | undefined;
}

class Failed extends Error {
  /** The request certainly did not reach a server, or over a connection that was closed while it was idle. */
  readonly isOrdinary: boolean;
  constructor(reason: string, isOrdinary: boolean) {
    super(reason);
    this.isOrdinary = isOrdinary;
  }
}

export class SteadyClient {
  /** What went wrong beyond the ordinary. */
  readonly failures: string[] = [];
  writes = 0;
  reads = 0;
  /** The longest time without a success, in ms. */
  longestGapMs = 0;
  readonly #server: string;
  readonly #agent: Agent;
  readonly #name: string;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #goodAt = performance.now();

  constructor(kubeconfig: string, name: string) {
    const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8'));
    const pem = (text: string): Buffer => Buffer.from(text, 'base64');
    this.#server = clusters[0].cluster.server;
    this.#agent = new Agent({
      keepAlive: true,
      ca: pem(clusters[0].cluster['certificate-authority-data']),
      cert: pem(users[0].user['client-certificate-data']),
      key: pem(users[0].user['client-key-data']),
    });
    this.#name = name;
    this.#running = this.#run();
  }

  /** Ends it and says how the object is in the end. */
  async stop(): Promise<{ readonly written: number; readonly kept: number }> {
    this.#end.abort();
    await this.#running;
    const { text } = await this.#ask('GET', `${path}/${this.#name}`);
    this.#agent.destroy();
    return { written: this.writes, kept: Number(JSON.parse(text).data.count) };
  }

  async #run(): Promise<void> {
    let object: unknown = JSON.parse(
      (await this.#ask('POST', path, { metadata: { name: this.#name }, data: { count: '0' } })).text,
    );
    while (!this.#end.signal.aborted) {
      try {
        object = await this.#write(object, this.writes + 1);
        this.writes += 1;
        const { text } = await this.#ask('GET', `${path}/${this.#name}`);
        const { data } = JSON.parse(text);
        if (Number(data.count) !== this.writes) this.failures.push(`read ${data.count} after writing ${this.writes}`);
        this.reads += 1;
      } catch (error) {
        this.failures.push(`${new Date().toISOString()} ${error instanceof Error ? error.message : error}`);
        await sleep(50);
        object = JSON.parse((await this.#ask('GET', `${path}/${this.#name}`)).text);
      }
      const now = performance.now();
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#goodAt);
      this.#goodAt = now;
      await sleep(pauseMs);
    }
  }

  /** Compares what it replaces, so a copy that was sent again changes nothing: it is told of a conflict, and finds its own value. */
  async #write(object: unknown, count: number): Promise<unknown> {
    const next = { ...Object(object), data: { count: String(count) } };
    const { status, text } = await this.#ask('PUT', `${path}/${this.#name}`, next);
    if (status === 200) return JSON.parse(text);
    const now = JSON.parse((await this.#ask('GET', `${path}/${this.#name}`)).text);
    if (status === 409 && now.data.count === String(count)) return now;
    throw new Error(`PUT: ${status} ${text}`);
  }

  async #ask(method: string, target: string, body?: unknown): Promise<Answer> {
    const giveUpAt = performance.now() + longestRetryMs;
    for (;;) {
      try {
        const answer = await this.#once(method, target, body);
        const isBusy = answer.status === 429 || answer.status === 503;
        if (!isBusy || answer.retryAfterS === undefined || performance.now() > giveUpAt) {
          if (answer.status >= 500) throw new Failed(`${method}: ${answer.status} ${answer.text.slice(0, 300)}`, false);
          return answer;
        }
        await sleep(answer.retryAfterS * 1_000);
      } catch (error) {
        if (!(error instanceof Failed && error.isOrdinary) || performance.now() > giveUpAt) throw error;
        await sleep(20);
      }
    }
  }

  async #once(method: string, target: string, body: unknown): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const asked = request(`${this.#server}${target}`, { method, headers, agent: this.#agent });
    let answer: IncomingMessage | undefined;
    const fail = (error: Error & { code?: string }): void => {
      const refused = error.code === 'ECONNREFUSED';
      const closedIdle = asked.reusedSocket && answer === undefined && error.code !== 'ETIMEDOUT';
      reject(new Failed(`${method}: ${error.code ?? ''} ${error.message}`, refused || closedIdle));
    };
    asked.setTimeout(timeoutMs, () => asked.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    asked.on('error', fail);
    asked.on('response', (response) => {
      answer = response;
      let all = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        all += piece;
      });
      response.on('error', fail);
      response.on('end', () => {
        const after = response.headers['retry-after'];
        resolve({
          status: response.statusCode ?? 0,
          text: all,
          retryAfterS: after === undefined ? undefined : Number(after),
        });
      });
    });
    asked.end(text);
    return promise;
  }
}
