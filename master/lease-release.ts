/**
 * Gives up the Lease of a process that ended without doing so, so that a standby takes over at once instead of waiting for the
 * lease to run out. The supervisor knows for certain that the process is gone, which nobody else can. A connection is kept for it, so
 * that a crash finds everything made: in a handshake both sides wait for a processor several times.
 *
 * It is safe for the same reason as any takeover: the fence. The write compares the resourceVersion, so a lease that somebody
 * else has taken meanwhile is left alone. Only Node's own modules speak to the server: a supervisor must stay small.
 */
import { Agent, request } from 'node:https';
import { sleep } from './api/clock.ts';
import { loadKubeconfig } from './api/config.ts';
import type { Lease } from './api/types.ts';

export interface ReleaseOptions {
  /** Of the component whose process ended. */
  readonly kubeconfig: string;
  /** API servers, the preferred first, as they are when it is asked. */
  readonly servers: () => readonly string[];
  /** The name of the Lease in kube-system. */
  readonly lease: string;
  /** Identities of this master's processes begin with its name. */
  readonly master: string;
}

/**
 * One server's time to answer twice, in each round of asking all. A write whose answer did not come may have been done: then the next server
 * shows a lease that nobody holds.
 */
const answerMs = [120, 250, 500];

/** To connect ahead may take longer. */
const connectMs = 1_000;
/** API servers end connections that were idle for longer than two minutes. */
const renewMs = 60_000;

export class LeaseRelease {
  readonly #options: ReleaseOptions;
  readonly #path: string;
  #agent: Agent | undefined;

  constructor(options: ReleaseOptions) {
    this.#options = options;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${options.lease}`;
  }

  /** Keeps a connection to the preferred server until the signal is aborted. Without one a release only takes longer. */
  async keepReady(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(connectMs)]);
        await this.#exchange(this.#options.servers()[0], limit, 'GET');
      } catch {
        // A server that is not there yet, or keys, or no place among the masters any more: the release itself says it.
      }
      await sleep(renewMs, signal);
    }
    this.#agent?.destroy();
  }

  /** Whose lease was released; undefined when the process held none. Rejects when no API server could be asked. */
  async release(signal: AbortSignal): Promise<{ lease: string; released: string } | undefined> {
    const { lease, master } = this.#options;
    const servers = this.#options.servers();
    let lastError: unknown;
    const turns = answerMs.flatMap((limitMs) => servers.map((server) => ({ server, limitMs })));
    for (const { server, limitMs } of turns) {
      if (signal.aborted) break;
      try {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
        const seen = await this.#exchange(server, limit, 'GET');
        if (seen.status === 404) return undefined;
        const held: Lease = JSON.parse(seen.text);
        const holder = held.spec?.holderIdentity ?? '';
        if (seen.status !== 200) throw new Error(`${server}: ${seen.status}`);
        if (!isOf(master, holder)) return undefined;
        const released = { ...held, spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
        const { status } = await this.#exchange(server, limit, 'PUT', JSON.stringify(released));
        if (status === 200) return { lease, released: holder };
        // Somebody changed it meanwhile: an answer that was still on its way, or the next holder.
        lastError = new Error(`${server}: ${status}`);
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError ?? new Error('stopped before an API server answered');
  }

  #exchange(server: string | undefined, signal: AbortSignal, method: 'GET' | 'PUT', body?: string): Promise<Answer> {
    this.#agent ??= agentOf(this.#options.kubeconfig);
    return exchange({ agent: this.#agent, url: `${server}${this.#path}`, signal }, method, body);
  }
}

/** Whether a lease's holder is a process of this master: `<name>_<uuid>`. */
export const isOf = (master: string, holder: string): boolean => holder.startsWith(`${master}_`);

function agentOf(kubeconfig: string): Agent {
  const { ca, cert, key, serverName: servername } = loadKubeconfig(kubeconfig);
  return new Agent({ ca, cert, key, servername, keepAlive: true });
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Server {
  readonly agent: Agent;
  readonly url: string;
  readonly signal: AbortSignal;
}

function exchange({ agent, url, signal }: Server, method: 'GET' | 'PUT', body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = request(url, { agent, method, headers, signal }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    answer.on('error', reject);
  });
  asked.on('error', reject);
  asked.end(body);
  return promise;
}
