/**
 * The query parameters of the verbs, read into the registry's plain options. What is not a number where one is due is 400
 * in the words of Kubernetes' own conversion.
 */
import { badRequest, type Cause, invalid } from '../../api/errors.ts';
import type { DeleteOptions, ListOptions, RequestContext } from '../registry/context.ts';
import { readDryRun } from '../registry/deletion.ts';
import { applyType, mediaType } from './body.ts';
import { booleanParameter } from './request-info.ts';

/** The options of list, watch and deletecollection. */
export function parseListOptions(query: URLSearchParams): ListOptions {
  if (query.size === 0) return {};
  const options: { -readonly [Key in keyof ListOptions]: ListOptions[Key] } = {};
  const labelSelector = query.get('labelSelector');
  if (labelSelector) options.labelSelector = labelSelector;
  const fieldSelector = query.get('fieldSelector');
  if (fieldSelector) options.fieldSelector = fieldSelector;
  const limit = integerParameter(query, 'limit');
  if (limit !== undefined && limit > 0) options.limit = limit;
  const next = query.get('continue');
  if (next) options.continue = next;
  const resourceVersion = query.get('resourceVersion');
  if (resourceVersion) options.resourceVersion = resourceVersion;
  const match = query.get('resourceVersionMatch');
  if (match) options.resourceVersionMatch = match;
  if (booleanParameter(query, 'allowWatchBookmarks')) options.allowWatchBookmarks = true;
  if (query.has('sendInitialEvents')) options.sendInitialEvents = booleanParameter(query, 'sendInitialEvents');
  const timeoutSeconds = integerParameter(query, 'timeoutSeconds');
  if (timeoutSeconds !== undefined && timeoutSeconds > 0) options.timeoutSeconds = timeoutSeconds;
  return options;
}

/** DeleteOptions come in the body; old clients give them in the query, which counts only where the body is silent. */
export function parseDeleteOptions(query: URLSearchParams, body: DeleteOptions | undefined): DeleteOptions {
  const options: DeleteOptions = { ...body };
  const grace = integerParameter(query, 'gracePeriodSeconds');
  if (grace !== undefined) options.gracePeriodSeconds ??= grace;
  const propagation = query.get('propagationPolicy');
  if (propagation) options.propagationPolicy ??= propagation;
  if (query.has('orphanDependents')) options.orphanDependents ??= booleanParameter(query, 'orphanDependents');
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options.dryRun ??= dryRun;
  return options;
}

export interface WriteOptions {
  dryRun: boolean;
  fieldManager: string | undefined;
  fieldValidation: RequestContext['fieldValidation'];
}

/** What Go's unicode.IsPrint does not take: no letter, mark, number, punctuation, symbol or ASCII space. */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

const plainWrite: WriteOptions = { dryRun: false, fieldManager: undefined, fieldValidation: 'Warn' };

/** `dryRun`, `fieldManager` and `fieldValidation`. `optionsKind` names the options in messages, as `CreateOptions`. */
export function parseWriteOptions(query: URLSearchParams, optionsKind: string): WriteOptions {
  if (query.size === 0) return plainWrite;
  const causes: Cause[] = [];
  const dryRun = readDryRun(query.getAll('dryRun'), causes);
  const fieldManager = query.get('fieldManager') || undefined;
  if (fieldManager !== undefined && fieldManager.length > 128) {
    causes.push({
      reason: 'FieldValueTooLong',
      field: 'fieldManager',
      message: 'Too long: may not be more than 128 bytes',
    });
  }
  if (fieldManager !== undefined && unprintable.test(fieldManager)) {
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'fieldManager',
      message: `Invalid value: ${JSON.stringify(fieldManager)}: should only contain printable characters`,
    });
  }
  const validation = query.get('fieldValidation') || 'Warn';
  if (validation !== 'Strict' && validation !== 'Warn' && validation !== 'Ignore') {
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'fieldValidation',
      message: `Unsupported value: ${JSON.stringify(validation)}: supported values: "", "Ignore", "Strict", "Warn"`,
    });
    throw invalid({ group: 'meta.k8s.io', kind: optionsKind }, '', causes);
  }
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: optionsKind }, '', causes);
  return { dryRun, fieldManager, fieldValidation: validation };
}

export interface PatchOptions extends WriteOptions {
  /** Given: the patch is a server-side apply. */
  apply?: { force: boolean };
}

/** The same for a PATCH, whose content type says whether `force` means something and a manager must be named. */
export function parsePatchOptions(query: URLSearchParams, contentType: string | undefined): PatchOptions {
  const options = parseWriteOptions(query, 'PatchOptions');
  const refuse = (cause: Cause): Error => invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [cause]);
  const force = query.get('force');
  if (mediaType(contentType) !== applyType) {
    if (force === null) return options;
    const message = 'Forbidden: may not be specified for non-apply patch';
    throw refuse({ reason: 'FieldValueForbidden', field: 'force', message });
  }
  if (options.fieldManager === undefined) {
    const message = 'Required value: is required for apply patch';
    throw refuse({ reason: 'FieldValueRequired', field: 'fieldManager', message });
  }
  return { ...options, apply: { force: force !== null && force !== 'false' && force !== '0' } };
}

/** An integer, or undefined where the parameter is not given or empty. */
export function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d{1,18}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}
