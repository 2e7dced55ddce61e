/**
 * MutatingAdmissionWebhook: webhooks that may change an object before it is validated, asked one after the other.
 *
 * When one changed it, the whole chain runs once more, so that the built-in plugins see the change; of the webhooks only
 * those are asked again that want it (reinvocationPolicy IfNeeded) and after which somebody else changed the object.
 */
import { internalError, isStatusError, timeout } from '../../../api/errors.ts';
import type { KubeObject } from '../../../api/types.ts';
import { applyJsonPatch } from '../../registry/patch/apply.ts';
import { isRecord } from '../../registry/schema/shape.ts';
import { putInto } from '../changes.ts';
import { Rounds } from '../reinvocation.ts';
import type { Seen } from '../seen.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { ask } from './call.ts';
import { denied, nothingToPatch, WebhookFailure } from './errors.ts';
import type { Hook } from './hooks.ts';
import type { Verdict } from './review.ts';
import type { WebhookPluginOptions } from './validating.ts';

export function mutatingWebhooks({ hooks, client, readiness, logger }: WebhookPluginOptions): AdmissionPlugin {
  const rounds = new Rounds();
  return {
    name: 'MutatingAdmissionWebhook',
    admit(request) {
      if (request.ctx.internal) return undefined;
      if (!readiness.ready) return readiness.wait(request).then(() => askAll(request));
      return hooks.about(request.kind).length === 0 ? undefined : askAll(request);
    },
    run: (signal) => readiness.run(signal),
  };

  async function askAll(request: AdmissionRequest): Promise<void> {
    const round = rounds.begin(request);
    for (const hook of hooks.about(request.kind)) {
      const seen = await hooks.seenBy(hook, request);
      if (!seen || !round.mayAsk(hook.id)) continue;
      if (await askOne(hook, request, seen)) round.changed();
      if (hook.webhook.reinvocationPolicy === 'IfNeeded') round.wantsToBeAskedAgain(hook.id);
    }
    round.end();
  }

  /** Whether the webhook changed the object. */
  async function askOne(hook: Hook, request: AdmissionRequest, seen: Seen): Promise<boolean> {
    try {
      const verdict = await ask(client, hook, seen.request, true);
      if (!verdict.allowed) throw denied(hook.webhook.name, verdict.status);
      return await change(hook.webhook.name, request, seen, verdict);
    } catch (error) {
      if (!(error instanceof WebhookFailure)) throw error;
      if (!hook.failsOpen) throw internalError(error);
      logger?.warn({ err: error }, 'failed calling webhook, failing open');
      if (request.ctx.signal.aborted) throw timeout('request did not complete within requested timeout');
      return false;
    }
  }
}

async function change(
  webhook: string,
  request: AdmissionRequest,
  seen: Seen,
  { patch, patchType }: Verdict,
): Promise<boolean> {
  if (patch === '') return false;
  if (patchType !== 'JSONPatch') throw new WebhookFailure(webhook, `unsupported patch type "${patchType}"`);
  const operations = operationsOf(webhook, patch);
  if (operations.length === 0) return false;
  if (!request.object || !seen.request.object) throw nothingToPatch(webhook);
  return putInto(request, seen, patchedBy(operations, seen.request.object));
}

function operationsOf(webhook: string, patch: string): unknown[] {
  try {
    const operations: unknown = JSON.parse(patch);
    if (Array.isArray(operations)) return operations;
    throw new Error('a patch is a list of operations');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new WebhookFailure(webhook, `received undecodable patch in webhook response: ${why}`, error);
  }
}

function patchedBy(operations: readonly unknown[], object: KubeObject): KubeObject {
  try {
    const patched = applyJsonPatch(operations, structuredClone(object));
    if (isRecord(patched)) return patched;
    throw new Error('the patch leaves no object');
  } catch (error) {
    const { cause } = error instanceof Error ? error : {};
    throw internalError(isStatusError(error) && cause instanceof Error ? cause : error);
  }
}
