/**
 * StatusError: the one error type of the API, holding Kubernetes' Status object.
 *
 * The API server throws it and maps it to HTTP in one place; the client makes it again from an answer. Reasons, codes and
 * messages are Kubernetes' own (API conventions, "Response Status Kind").
 */
import { groupResource, type Kind } from './kinds.ts';
import type { Status } from './types.ts';

/** Every reason that the API answers with, and its HTTP code. */
export const statusCodes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof statusCodes;

/** The reasons of one field's error, as Kubernetes' `field.ErrorType`. */
export type CauseReason =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueDuplicate'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueNotFound'
  | 'FieldValueTypeInvalid';

/** One thing that is wrong with one field: `field` is a path such as `spec.containers[0].name`. */
export interface Cause {
  reason: CauseReason;
  field: string;
  /** Without the field's path, as in `Required value: name is required`. */
  message: string;
}

export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown error', options);
    this.status = status;
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }

  /** Seconds after which the server asks the client to try again. */
  get retryAfterSeconds(): number | undefined {
    return this.status.details?.retryAfterSeconds;
  }

  /**
   * Whether the same request may be sent again with a chance of success and no risk of a second effect: the server said
   * that it did nothing and is only too busy or not ready.
   */
  get retryable(): boolean {
    return this.code === 429 || (this.code === 503 && this.retryAfterSeconds !== undefined);
  }
}

type Named = Pick<Kind, 'group' | 'resource'>;

/** A Status of Failure with this reason. */
export function statusError(
  reason: StatusReason,
  message: string,
  details?: Status['details'],
  options?: ErrorOptions,
): StatusError {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason };
  if (details) status.details = details;
  status.code = statusCodes[reason];
  return new StatusError(status, options);
}

export const badRequest = (message: string, options?: ErrorOptions): StatusError =>
  statusError('BadRequest', message, undefined, options);

export const unauthorized = (): StatusError => statusError('Unauthorized', 'Unauthorized');

/** `pods "a" is forbidden: why`; without a resource, `forbidden: why`. */
export function forbidden(kind: Named | undefined, name: string, why: string): StatusError {
  if (!kind) return statusError('Forbidden', `forbidden: ${why}`, {});
  const subject = name === '' ? `${groupResource(kind)} is forbidden` : `${groupResource(kind)} "${name}" is forbidden`;
  return statusError('Forbidden', `${subject}: ${why}`, detailsOf(kind, name));
}

export const notFound = (kind: Named, name: string): StatusError =>
  statusError('NotFound', `${groupResource(kind)} "${name}" not found`, detailsOf(kind, name));

/** The answer to a path that names nothing which this server serves. */
export const pathNotFound = (): StatusError =>
  statusError('NotFound', 'the server could not find the requested resource', {});

export const methodNotAllowed = (): StatusError =>
  statusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const alreadyExists = (kind: Named, name: string): StatusError =>
  statusError('AlreadyExists', `${groupResource(kind)} "${name}" already exists`, detailsOf(kind, name));

export const conflict = (kind: Named, name: string, why: string): StatusError =>
  statusError(
    'Conflict',
    `Operation cannot be fulfilled on ${groupResource(kind)} "${name}": ${why}`,
    detailsOf(kind, name),
  );

/** What a writer is told who compared against a resourceVersion that is no longer the object's. */
export const modifiedMessage =
  'the object has been modified; please apply your changes to the latest version and try again';

/** 410 with reason Expired: the resourceVersion or continue token is older than what the server remembers. */
export const expired = (message: string): StatusError => statusError('Expired', message);

/** 422: `kind` is the object's kind (not the resource), as kubectl prints it: `Pod "a" is invalid: …`. */
export function invalid(kind: Pick<Kind, 'group' | 'kind'>, name: string, causes: readonly Cause[]): StatusError {
  const lines = causes.map(({ field, message }) => `${field}: ${message}`);
  const text = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  const typeName = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const details: Status['details'] = { name, kind: kind.kind, causes: causes.map((cause) => ({ ...cause })) };
  if (kind.group !== '') details.group = kind.group;
  return statusError('Invalid', `${typeName} "${name}" is invalid: ${text}`, details);
}

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  statusError('TooManyRequests', message, { retryAfterSeconds });

export const internalError = (cause: unknown): StatusError =>
  statusError(
    'InternalError',
    `Internal error occurred: ${cause instanceof Error ? cause.message : String(cause)}`,
    undefined,
    { cause },
  );

export const serviceUnavailable = (message: string, retryAfterSeconds?: number, options?: ErrorOptions): StatusError =>
  statusError('ServiceUnavailable', message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds }, options);

export const timeout = (message: string, options?: ErrorOptions): StatusError =>
  statusError('Timeout', message, {}, options);

/** What an error says, for people. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const isStatusError = (error: unknown): error is StatusError => error instanceof StatusError;
const hasReason = (error: unknown, reason: StatusReason): boolean => isStatusError(error) && error.reason === reason;
export const isNotFound = (error: unknown): boolean => hasReason(error, 'NotFound');
/** Refused because the namespace is on its way out: it takes nothing new. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  isForbidden(error) &&
  isStatusError(error) &&
  (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');

export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
export const isExpired = (error: unknown): boolean => isStatusError(error) && error.code === 410;
export const isForbidden = (error: unknown): boolean => hasReason(error, 'Forbidden');
export const isInvalid = (error: unknown): boolean => hasReason(error, 'Invalid');

function detailsOf(kind: Named, name: string): NonNullable<Status['details']> {
  const details: NonNullable<Status['details']> = {};
  if (name !== '') details.name = name;
  if (kind.group !== '') details.group = kind.group;
  details.kind = kind.resource;
  return details;
}
