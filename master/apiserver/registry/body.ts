/** The first and last touches on an object that came in a request: what every kind's body must be, and its metadata. */
import { badRequest, invalid } from '../../api/errors.ts';
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { KubeObject, ObjectMeta } from '../../api/types.ts';
import type { RequestContext } from './context.ts';
import { namesManagers, takesManagersAway } from './managed-fields/managers.ts';
import { type PatchSource, quotedOf } from './patch/apply.ts';
import { decode } from './schema/decode.ts';
import type { ObjectShape } from './schema/shape.ts';
import { FieldErrors } from './validation/field-errors.ts';

/**
 * Checks that the object is of the kind and, where the request's path says them, of the namespace and name; that its
 * fields have the right types; and makes kind, apiVersion, metadata and namespace explicit. Drops fields that the kind does
 * not have, and says so as the request wants it. Changes the object in place.
 * `source`: the object came about by this patch, and is not the client's own text; or it is to be applied, which no unknown field can be.
 */
export function checkBody(
  ctx: RequestContext,
  kind: Pick<Kind, 'group' | 'version' | 'kind'>,
  shape: ObjectShape,
  object: KubeObject,
  path: { namespace?: string | undefined; name?: string },
  source?: PatchSource | 'apply',
): ObjectMeta {
  const apiVersion = apiVersionOf(kind);
  const { wrong, unrestorable, unknown } = decode(shape, object);
  const patch = source === 'apply' ? undefined : source;
  if (wrong !== undefined) {
    throw undecodable(kind, patch?.patch.type === 'strategic' ? (unrestorable ?? wrong) : wrong, patch);
  }
  if (source === 'apply' && unknown.length > 0) throw undeclared(kind, object.metadata, path, unknown, ctx);
  checkFields(ctx, kind, unknown, patch, shape.decode !== undefined);
  if (object.kind && (object.kind !== kind.kind || (object.apiVersion && object.apiVersion !== apiVersion))) {
    if (!patch) {
      const given = `${object.kind} in version ${JSON.stringify(object.apiVersion ?? '')}`;
      throw badRequest(`${given} cannot be handled as a ${kind.kind} of ${apiVersion}`);
    }
    // A strategic merge patch goes by the kind that it is sent to, whatever it says itself.
    if (patch.patch.type !== 'strategic') throw undecodable(kind, unregistered(object), patch);
  }
  object.kind = kind.kind;
  object.apiVersion = apiVersion;
  object.metadata ??= {};
  const { metadata } = object;
  // No version at all, for Kubernetes' stores.
  if (metadata.resourceVersion === '0') delete metadata.resourceVersion;
  if (path.name !== undefined) {
    metadata.name ||= path.name;
    if (metadata.name !== path.name) {
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${path.name})`);
    }
  }
  if (path.namespace !== undefined) {
    metadata.namespace ||= path.namespace;
    if (metadata.namespace !== path.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
  }
  return metadata;
}

/** What becomes of fields that the kind does not have, and of those that the client's text has twice (its last one counts). */
function checkFields(
  ctx: RequestContext,
  kind: Pick<Kind, 'version' | 'kind'>,
  unknown: readonly string[],
  source: PatchSource | undefined,
  isCustom: boolean,
): void {
  const { fieldValidation, duplicateFields = [] } = ctx;
  if (fieldValidation === 'Ignore' || (unknown.length === 0 && duplicateFields.length === 0)) return;
  const unknownFields = unknown.map((field) => `unknown field ${JSON.stringify(field)}`);
  // Where the text is read first and the schema asked then (YAML, custom objects), what the text says twice comes first.
  const textFirst = isCustom || duplicateFields[0]?.startsWith('yaml: ');
  const found = textFirst ? [...duplicateFields, ...unknownFields] : [...unknownFields, ...duplicateFields];
  if (fieldValidation === 'Strict') throw undecodable(kind, `strict decoding error: ${found.join(', ')}`, source);
  ctx.warnings.push(...found);
}

/** What is applied is compared field by field, so it can have none but those of the schema, however its fields are to be validated. */
function undeclared(
  kind: Pick<Kind, 'group' | 'version' | 'kind'>,
  { name = '' }: ObjectMeta = {},
  path: { namespace?: string | undefined; name?: string },
  unknown: readonly string[],
  { duplicateFields = [], fieldValidation }: RequestContext,
): Error {
  if (fieldValidation === 'Strict' && duplicateFields.length > 0) return badRequest(duplicateFields.join(', '));
  const what = `${path.namespace ?? ''}/${path.name ?? name}; ${apiVersionOf(kind)}, Kind=${kind.kind}`;
  const causes = unknown.map((field) => `.${field}: field not declared in schema`);
  const list = causes.length === 1 ? causes[0] : `errors:\n${causes.map((cause) => `  ${cause}`).join('\n')}`;
  return badRequest(`failed to create typed patch object (${what}): ${list}`);
}

/** A body that is no such object is a bad request; a patch that would make it none cannot be processed. */
function undecodable(
  { kind, version }: Pick<Kind, 'version' | 'kind'>,
  why: string,
  source: PatchSource | undefined,
): Error {
  if (!source) return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
  const errors = new FieldErrors();
  errors.invalid('patch', quotedOf(source), why);
  return invalid({ group: '', kind: '' }, '', errors.causes);
}

const unregistered = ({ kind, apiVersion }: KubeObject): string =>
  `no kind "${kind}" is registered for version "${apiVersion}" in scheme "pkg/api/legacyscheme/scheme.go:30"`;

/** What a new object's metadata starts with: whatever only the server says is taken from nobody else. */
export function initMetadata(object: KubeObject, namespace: string | undefined, now: string, uid: string): void {
  const metadata: ObjectMeta = { ...object.metadata, uid, creationTimestamp: now };
  if (namespace === undefined) delete metadata.namespace;
  else metadata.namespace = namespace;
  for (const field of ['resourceVersion', 'selfLink', 'generation'] as const) delete metadata[field];
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'managedFields'] as const)
    delete metadata[field];
  object.metadata = metadata;
}

/**
 * What an update leaves as it is, whether the client says it or not. What a client may get wrong is validated later.
 * `saysManagers`: the client may say who manages the fields, which it may not through a subresource.
 */
export function inheritMetadata(object: KubeObject, old: KubeObject, saysManagers = false): void {
  const metadata: ObjectMeta = { ...object.metadata };
  const before = old.metadata ?? {};
  for (const field of ['uid', 'creationTimestamp', 'deletionTimestamp'] as const) {
    if (!metadata[field] && before[field]) metadata[field] = before[field];
  }
  if (metadata.deletionGracePeriodSeconds === undefined && before.deletionGracePeriodSeconds !== undefined) {
    metadata.deletionGracePeriodSeconds = before.deletionGracePeriodSeconds;
  }
  if (before.generation === undefined) delete metadata.generation;
  else metadata.generation = before.generation;
  if (before.resourceVersion !== undefined) metadata.resourceVersion = before.resourceVersion;
  if (before.generateName !== undefined) metadata.generateName ??= before.generateName;
  delete metadata.selfLink;
  // What this write adds to it is noted with the write. A client that understands it may set it, or take all of it away.
  if (before.managedFields === undefined || takesManagersAway(object)) delete metadata.managedFields;
  else if (!saysManagers || !namesManagers(object)) metadata.managedFields = before.managedFields;
  object.metadata = metadata;
}

/** No vowels and nothing that looks alike, as Kubernetes' generated names. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const maxNameLength = 63;

export function withGeneratedName(object: KubeObject): KubeObject {
  const base = (object.metadata?.generateName ?? '').slice(0, maxNameLength - suffixLength);
  let suffix = '';
  for (let i = 0; i < suffixLength; i++) suffix += alphabet[Math.floor(Math.random() * alphabet.length)];
  object.metadata = { ...object.metadata, name: base + suffix };
  return object;
}
