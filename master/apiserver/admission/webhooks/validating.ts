/** ValidatingAdmissionWebhook: webhooks that may refuse a write, all asked at once. */
import { internalError, timeout } from '../../../api/errors.ts';
import type { Logger } from '../../../api/logging.ts';
import type { WebhookClient } from '../../webhooks/client.ts';
import type { Readiness } from '../readiness.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { ask } from './call.ts';
import { denied, WebhookFailure } from './errors.ts';
import type { Hook, Hooks } from './hooks.ts';

export interface WebhookPluginOptions {
  readonly hooks: Hooks;
  readonly client: WebhookClient;
  readonly readiness: Readiness;
  readonly logger: Logger | undefined;
}

export function validatingWebhooks({ hooks, client, readiness, logger }: WebhookPluginOptions): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    validate(request) {
      if (request.ctx.internal) return undefined;
      if (!readiness.ready) return readiness.wait(request).then(() => askAll(request));
      return hooks.about(request.kind).length === 0 ? undefined : askAll(request);
    },
    run: (signal) => readiness.run(signal),
  };

  async function askAll(request: AdmissionRequest): Promise<void> {
    const results = await Promise.allSettled(hooks.about(request.kind).map((hook) => askOne(hook, request)));
    const refusal = results.find((result) => result.status === 'rejected');
    if (refusal) throw refusal.reason;
  }

  async function askOne(hook: Hook, request: AdmissionRequest): Promise<void> {
    const seen = await hooks.seenBy(hook, request);
    if (!seen) return;
    try {
      const { allowed, status } = await ask(client, hook, seen.request, false);
      if (!allowed) throw denied(hook.webhook.name, status);
    } catch (error) {
      if (!(error instanceof WebhookFailure)) throw error;
      if (!hook.failsOpen) throw internalError(error);
      logger?.warn({ err: error }, 'failed calling webhook, failing open');
      if (request.ctx.signal.aborted) throw timeout('request did not complete within requested timeout');
    }
  }
}
