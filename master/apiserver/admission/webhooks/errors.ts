/** What a client is told of webhooks, in Kubernetes' words. */
import { badRequest, internalError, StatusError } from '../../../api/errors.ts';
import type { Status } from '../../../api/types.ts';

/** The webhook could not be asked, or gave no usable answer. Its failure policy says what that means. */
export class WebhookFailure extends Error {
  override readonly name = 'WebhookFailure';

  constructor(webhook: string, why: string, cause?: unknown) {
    super(`failed calling webhook "${webhook}": ${why}`, { cause });
  }
}

/** The refusal, with the code and the reason that the webhook gives, where it gives any. */
export function denied(webhook: string, given: Status | undefined): StatusError {
  const by = `admission webhook "${webhook}" denied the request`;
  const { message, reason, code = 0 } = given ?? {};
  const text = message ? `${by}: ${message}` : reason ? `${by}: ${reason}` : `${by} without explanation`;
  return new StatusError({
    ...given,
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: text,
    code: code < 400 ? 400 : code,
  });
}

export const noDryRun = (webhook: string): StatusError =>
  badRequest(`admission webhook "${webhook}" does not support dry run`);

export const nothingToPatch = (webhook: string): StatusError =>
  internalError(
    `admission webhook "${webhook}" attempted to modify the object, which is not supported for this operation`,
  );
