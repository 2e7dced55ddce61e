/**
 * Calls to webhooks: HTTPS servers outside of the API server that it asks about objects, for admission and conversion. One is
 * named by a URL or by a Service (`clientConfig`), and trusted by the authority that its configuration carries.
 *
 * Guarantees: a call ends within its time; it is sent a second time only where a kept connection turned out to be closed
 * before anything was answered; what goes wrong is an Error in the words of Kubernetes' (Go's) client.
 * It follows no redirects and reads no answer of over 3 MiB.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { inUrl } from '../../api/addresses.ts';

/** As `WebhookClientConfig` of admissionregistration.k8s.io/v1 and apiextensions.k8s.io/v1. */
export interface ClientConfig {
  readonly url?: string;
  readonly service?: ServiceReference;
  /** PEM in base64; without it the system's authorities are trusted. */
  readonly caBundle?: string;
}

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly path?: string;
  readonly port?: number;
}

/** A connection to one of the Service's endpoints. Rejects with an Error that says why there is none. */
export type DialService = (service: Required<Pick<ServiceReference, 'namespace' | 'name' | 'port'>>) => Promise<Duplex>;

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const maxAnswerBytes = 3 * 1024 * 1024;
/** Connections are kept this long: a webhook is mostly asked again soon. */
const keepAliveMs = 30_000;

export class WebhookClient {
  readonly #dial: DialService | undefined;
  readonly #agents = new Map<string, Agent>();
  readonly #userAgent: string;

  constructor({ dial, userAgent }: { dial?: DialService | undefined; userAgent: string }) {
    this.#dial = dial;
    this.#userAgent = userAgent;
  }

  /** POSTs the JSON and gives the parsed JSON of the answer. Throws an Error, with no word on which webhook it was. */
  async call(config: ClientConfig, body: unknown, { timeoutMs, signal }: CallOptions): Promise<unknown> {
    const url = urlOf(config);
    url.searchParams.set('timeout', `${Math.ceil(timeoutMs / 1000)}s`);
    const deadline = AbortSignal.timeout(timeoutMs);
    const ended = signal ? AbortSignal.any([signal, deadline]) : deadline;
    const text = Buffer.from(JSON.stringify(body));
    try {
      const { status, answer } = await this.#send(url, this.#agentFor(config, url), text, ended);
      return parsed(status, answer);
    } catch (error) {
      if (error instanceof AnswerError) throw new Error(error.message, { cause: error });
      const why = ended.aborted ? (deadline.aborted ? 'context deadline exceeded' : 'context canceled') : words(error);
      throw new Error(`Post ${JSON.stringify(textOf(config, url))}: ${why}`, { cause: error });
    }
  }

  /** Ends all kept connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #send(url: URL, agent: Agent, body: Buffer, signal: AbortSignal): Promise<Answered> {
    for (let attempt = 1; ; attempt++) {
      const { sent, answered } = this.#post(url, agent, body, signal);
      try {
        return await answered;
      } catch (error) {
        // The other side closed a kept connection just as it was used again: it has not looked at the request.
        const stale = sent.reusedSocket && codeOf(error) === 'ECONNRESET';
        if (!stale || attempt > 1) throw error;
      }
    }
  }

  #post(
    url: URL,
    agent: Agent,
    body: Buffer,
    signal: AbortSignal,
  ): { sent: ClientRequest; answered: Promise<Answered> } {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      accept: 'application/json',
      'user-agent': this.#userAgent,
    };
    const sent = request(url, { method: 'POST', headers, signal, agent });
    sent.on('error', reject);
    sent.on('response', (answer) => {
      collect(answer).then((text) => resolve({ status: answer.statusCode ?? 0, answer: text }), reject);
    });
    sent.end(body);
    return { sent, answered: promise };
  }

  /** Webhooks that are reached and trusted in the same way share connections. */
  #agentFor({ service, caBundle = '' }: ClientConfig, url: URL): Agent {
    const key = `${service ? 'service' : 'url'} ${url.host} ${caBundle}`;
    const known = this.#agents.get(key);
    if (known) return known;
    const ca = caBundle === '' ? undefined : Buffer.from(caBundle, 'base64');
    const agent = new Agent({ keepAlive: true, keepAliveMsecs: keepAliveMs, timeout: keepAliveMs, ...(ca && { ca }) });
    if (service) this.#connectTo(agent, service, url.hostname, ca);
    this.#agents.set(key, agent);
    return agent;
  }

  /** The server must prove that it is `<name>.<namespace>.svc`, whichever endpoint it is reached at. */
  #connectTo(agent: Agent, { namespace, name, port = 443 }: ServiceReference, servername: string, ca?: Buffer): void {
    const dial = this.#dial ?? (() => Promise.reject(new Error(`no way to service ${JSON.stringify(name)}`)));
    agent.createConnection = (_options, created) => {
      dial({ namespace, name, port }).then(
        (socket) => created?.(null, connectTls({ socket, servername, ...(ca && { ca }) })),
        (error: Error) => created?.(error, undefined as never),
      );
      return undefined;
    };
  }
}

interface Answered {
  readonly status: number;
  readonly answer: string;
}

/** The webhook answered, but with nothing that can be used. */
class AnswerError extends Error {
  override readonly name = 'AnswerError';
}

function urlOf({ url, service }: ClientConfig): URL {
  if (url !== undefined) return new URL(url);
  if (!service) throw new Error('webhook has neither a URL nor a service');
  const { namespace, name, path = '', port = 443 } = service;
  const target = new URL(`https://${name}.${namespace}.svc:${port}`);
  target.pathname = path;
  return target;
}

/** As Go writes it: a Service's port is always said. */
function textOf({ service }: ClientConfig, { href, host, port }: URL): string {
  return service && port === '' ? href.replace(host, `${host}:443`) : href;
}

function parsed(status: number, answer: string): unknown {
  if (status === 404) throw new AnswerError('the server could not find the requested resource');
  if (status >= 500) {
    throw new AnswerError(
      `an error on the server (${JSON.stringify(answer.trim())}) has prevented the request from succeeding`,
    );
  }
  if (status !== 200) {
    throw new AnswerError(`the server rejected our request for an unknown reason (${status})`);
  }
  try {
    return JSON.parse(answer);
  } catch (error) {
    throw new AnswerError(
      `couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

async function collect(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    const part: Buffer = chunk;
    bytes += part.length;
    if (bytes > maxAnswerBytes) throw new AnswerError(`the answer is longer than ${maxAnswerBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const untrusted = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Go's words for the failures that are met most. */
function words(error: unknown): string {
  const code = codeOf(error);
  const { address, port, hostname, message }: Partial<SystemError> = error instanceof Error ? error : {};
  if (code === 'ECONNREFUSED' && address) return `dial tcp ${inUrl(address)}:${port}: connect: connection refused`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${hostname}: no such host`;
  if (code === 'ECONNRESET') return 'EOF';
  if (untrusted.has(code)) return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${message}`;
  return message || code || String(error);
}

interface SystemError {
  readonly address: string;
  readonly port: number;
  readonly hostname: string;
  readonly message: string;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
