/**
 * MutatingAdmissionWebhook: webhooks that may change an object before it is validated, asked one after the other.
 *
 * When one changed it, the whole chain runs once more, so that the built-in plugins see the change; of the webhooks only
 * those are asked again that want it (reinvocationPolicy IfNeeded) and after which somebody else changed the object.
 */
import { internalError, isStatusError, timeout } from '../../../api/errors.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { KubeObject } from '../../../api/types.ts';
import { applyJsonPatch } from '../../registry/patch/apply.ts';
import { isRecord } from '../../registry/schema/shape.ts';
import type { Seen } from '../seen.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { ask } from './call.ts';
import { denied, nothingToPatch, WebhookFailure } from './errors.ts';
import type { Hook } from './hooks.ts';
import type { Verdict } from './review.ts';
import type { WebhookPluginOptions } from './validating.ts';

/** What is remembered of a request between its two rounds. */
interface Rounds {
  /** Hooks that want to be asked again, and were asked since somebody last changed the object. */
  readonly asked: Set<string>;
  /** Hooks to be asked in the second round. */
  readonly again: Set<string>;
  /** The object as the first round left it. */
  left: KubeObject | undefined;
}

export function mutatingWebhooks({ hooks, client, readiness, logger }: WebhookPluginOptions): AdmissionPlugin {
  const known = new WeakMap<AdmissionRequest, Rounds>();
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
    const before = known.get(request);
    const rounds: Rounds = before ?? { asked: new Set(), again: new Set(), left: undefined };
    known.set(request, rounds);
    if (before && !deepEqual(before.left, request.object)) forgetAsked(rounds);
    for (const hook of hooks.about(request.kind)) {
      const seen = await hooks.seenBy(hook, request);
      if (!seen) continue;
      // The second round asks nobody for the first time, even if a hook's selectors match only now.
      if (before && !rounds.again.has(hook.id)) continue;
      const changed = await askOne(hook, request, seen);
      if (changed) {
        forgetAsked(rounds);
        request.changed = true;
      }
      if (hook.webhook.reinvocationPolicy === 'IfNeeded') rounds.asked.add(hook.id);
    }
    if (!before) rounds.left = structuredClone(request.object);
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

/** Whoever was asked before this change is asked again. */
function forgetAsked({ asked, again }: Rounds): void {
  for (const id of asked) again.add(id);
  asked.clear();
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
  const { object } = request;
  if (!object || !seen.request.object) throw nothingToPatch(webhook);
  const changed = patchedBy(operations, seen.request.object);
  const patched = seen.back ? structuredClone(await seen.back(changed)) : changed;
  request.complete?.(patched);
  if (deepEqual(patched, object)) return false;
  for (const key of Object.keys(object)) delete object[key as keyof KubeObject];
  Object.assign(object, patched);
  return true;
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
