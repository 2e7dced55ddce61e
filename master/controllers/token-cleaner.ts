/** Removes bootstrap tokens whose time is over (Kubernetes, "Authenticating with Bootstrap Tokens"). */
import { isNotFound } from '../api/errors.ts';
import { keyOf } from '../api/meta.ts';
import type { Secret } from '../api/types.ts';
import { type ControllerContext, newQueue, work } from './context.ts';
import { timeOf } from './pod-facts.ts';

export async function startTokenCleaner(context: ControllerContext): Promise<void> {
  const { caches, client, clock, signal } = context;
  const queue = newQueue(context, 'token_cleaner');
  const enqueue = (secret: Secret): void => {
    if (isBootstrapToken(secret)) queue.add(keyOf(secret));
  };
  caches.secrets.addHandler({ added: enqueue, updated: (_, secret) => enqueue(secret) }, signal);
  await work(context, queue, 1, async (key) => {
    const secret = caches.secrets.get(key);
    if (!secret || !isBootstrapToken(secret)) return {};
    const expires = expirationMs(secret);
    if (expires === undefined) return {};
    if (expires > clock.now()) return { requeueAfterMs: expires - clock.now() };
    const { namespace, name = '', uid } = secret.metadata ?? {};
    try {
      await client.delete('secrets', { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return {};
  });
}

export function isBootstrapToken({ type, metadata }: Secret): boolean {
  return type === 'bootstrap.kubernetes.io/token' && metadata?.namespace === 'kube-system';
}

/** When the token ends (ms since the epoch); undefined for one that does not, or whose time cannot be read. */
export function expirationMs({ data }: Secret): number | undefined {
  return timeOf(data?.expiration ? Buffer.from(data.expiration, 'base64').toString('utf8') : undefined);
}
