/**
 * Gives up the Lease of a process that ended without doing so, so that a standby takes over at once instead of waiting for the
 * lease to run out. The supervisor knows for certain that the process is gone, which nobody else can.
 *
 * It is safe for the same reason as any takeover: the fence. The write compares the resourceVersion, so a lease that somebody
 * else has taken meanwhile is left alone. Only Node's own modules speak to the server: a supervisor must stay small.
 */
import { Agent, request } from 'node:https';
import { loadKubeconfig } from './api/config.ts';
import type { Lease } from './api/types.ts';

export interface ReleaseOptions {
  /** Of the component whose process ended. */
  readonly kubeconfig: string;
  /** API servers, the preferred first. */
  readonly servers: readonly string[];
  /** The name of the Lease in kube-system. */
  readonly lease: string;
  /** Identities of this master's processes begin with its name. */
  readonly master: string;
}

/** One server's time to answer; all of them together stay below the lease's own duration. */
const answerMs = 400;
const rounds = 3;

/** Whose lease was released; undefined when the process held none. Rejects when no API server could be asked. */
export async function releaseLease(
  { kubeconfig, servers, lease, master }: ReleaseOptions,
  signal: AbortSignal,
): Promise<{ lease: string; released: string } | undefined> {
  const agent = agentOf(kubeconfig);
  const path = pathOf(lease);
  let lastError: unknown;
  try {
    for (let turn = 0; turn < rounds * servers.length && !signal.aborted; turn += 1) {
      const server = { agent, url: `${servers[turn % servers.length]}${path}`, signal };
      try {
        const seen = await exchange(server, 'GET');
        if (seen.status === 404) return undefined;
        const held: Lease = JSON.parse(seen.text);
        const holder = held.spec?.holderIdentity ?? '';
        if (seen.status !== 200) throw new Error(`${server.url}: ${seen.status}`);
        if (!isOf(master, holder)) return undefined;
        const released = { ...held, spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1 } };
        const { status } = await exchange(server, 'PUT', JSON.stringify(released));
        if (status === 200) return { lease, released: holder };
        // Somebody changed it meanwhile: an answer that was still on its way, or the next holder.
        lastError = new Error(`${server.url}: ${status}`);
      } catch (error) {
        lastError = error;
      }
    }
  } finally {
    agent.destroy();
  }
  throw lastError ?? new Error('stopped before an API server answered');
}

/** Asks for the Lease once, so that what a release needs is loaded and compiled when it counts. Rejects when it is not answered. */
export async function rehearseRelease(
  { kubeconfig, servers, lease }: ReleaseOptions,
  signal: AbortSignal,
): Promise<void> {
  const agent = agentOf(kubeconfig);
  try {
    await exchange({ agent, url: `${servers[0]}${pathOf(lease)}`, signal }, 'GET');
  } finally {
    agent.destroy();
  }
}

/** Whether a lease's holder is a process of this master: `<name>_<uuid>`. */
export const isOf = (master: string, holder: string): boolean => holder.startsWith(`${master}_`);

const pathOf = (lease: string): string => `/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${lease}`;

function agentOf(kubeconfig: string): Agent {
  const { ca, cert, key, serverName: servername } = loadKubeconfig(kubeconfig);
  return new Agent({ ca, cert, key, servername, keepAlive: true });
}

interface Server {
  readonly agent: Agent;
  readonly url: string;
  readonly signal: AbortSignal;
}

function exchange(
  { agent, url, signal }: Server,
  method: 'GET' | 'PUT',
  body?: string,
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const asked = request(url, { agent, method, headers, signal: limit }, (answer) => {
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
