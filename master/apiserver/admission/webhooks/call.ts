/** One question to one webhook, and what its answer comes to: a verdict, a failure, or a refusal. */
import type { WebhookClient } from '../../webhooks/client.ts';
import type { AdmissionRequest } from '../types.ts';
import { noDryRun, WebhookFailure } from './errors.ts';
import type { Hook } from './hooks.ts';
import { reviewedRequest, reviewOf, type Verdict, verdictOf } from './review.ts';

/** Webhooks that may be asked about a write that will not be done. */
const harmless = new Set(['None', 'NoneOnDryRun']);

/**
 * Asks, and passes on warnings and what is to be noted for the audit. Throws WebhookFailure when the webhook gives no
 * answer, and a StatusError where it must not be asked.
 */
export async function ask(
  client: WebhookClient,
  { webhook, timeoutMs }: Hook,
  request: AdmissionRequest,
  mutating: boolean,
): Promise<Verdict> {
  const { ctx } = request;
  const { name, clientConfig, sideEffects } = webhook;
  if (ctx.dryRun && !harmless.has(sideEffects)) throw noDryRun(name);
  const reviewed = reviewedRequest(request);
  const answer = await failing(name, 'failed to call webhook', () =>
    client.call(clientConfig, reviewOf(request, reviewed), { timeoutMs, signal: ctx.signal }),
  );
  const verdict = await failing(name, 'received invalid webhook response', () =>
    verdictOf(answer, reviewed.uid, mutating),
  );
  for (const [key, value] of Object.entries(verdict.auditAnnotations))
    ctx.auditAnnotations?.set(`${name}/${key}`, value);
  ctx.warnings.push(...verdict.warnings);
  return verdict;
}

async function failing<T>(webhook: string, what: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new WebhookFailure(webhook, `${what}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
