/** The rules that every object's metadata follows (Kubernetes' `ValidateObjectMeta`). */
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject, OwnerReference } from '../../../api/types.ts';
import { isDns1123Label, isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';

const maxAnnotationBytes = 256 * 1024;

/** `anyFinalizer`: the names of finalizers need not say whose they are, as those of custom objects need not. */
export function validateMetadata(
  object: KubeObject,
  kind: Kind,
  nameErrors: (name: string) => string[],
  errors: FieldErrors,
  anyFinalizer = false,
): void {
  const { name = '', generateName = '', namespace = '', labels, annotations } = object.metadata ?? {};
  if (name === '') errors.required('metadata.name', 'name or generateName is required');
  else {
    if (generateName !== '') {
      const messages = nameErrors(`${generateName}a`.replace(/-a$/, 'a'));
      errors.invalidFor('metadata.generateName', generateName, messages);
    }
    errors.invalidFor('metadata.name', name, pathSegmentErrors(name, nameErrors));
  }
  if (kind.namespaced) {
    if (namespace === '') errors.required('metadata.namespace');
    else errors.invalidFor('metadata.namespace', namespace, isDns1123Label(namespace));
  } else if (namespace !== '') {
    errors.forbidden('metadata.namespace', 'not allowed on this type');
  }
  validateLabels(labels, 'metadata.labels', errors);
  validateAnnotations(annotations, 'metadata.annotations', errors);
  validateOwners(object.metadata?.ownerReferences ?? [], errors);
  const finalizers = object.metadata?.finalizers;
  if (!finalizers) return;
  for (const [index, finalizer] of finalizers.entries()) {
    if (anyFinalizer) errors.invalidFor('metadata.finalizers', finalizer, isQualifiedName(finalizer));
    else validateFinalizer(finalizer, 'metadata.finalizers', errors, `[${index}]`);
  }
}

export function validateMetadataUpdate(object: KubeObject, old: KubeObject, errors: FieldErrors): void {
  const now = object.metadata ?? {};
  const before = old.metadata ?? {};
  for (const field of ['name', 'namespace', 'uid', 'creationTimestamp', 'deletionTimestamp'] as const) {
    errors.immutable(`metadata.${field}`, now[field], sameTime(now[field], before[field]));
  }
  const grace = now.deletionGracePeriodSeconds;
  errors.immutable('metadata.deletionGracePeriodSeconds', grace, grace === before.deletionGracePeriodSeconds);
  if (before.deletionTimestamp !== undefined) {
    const added = (now.finalizers ?? []).filter((finalizer) => !before.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const names = added.map((name) => JSON.stringify(name)).join(', ');
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${names}}`;
      errors.forbidden('metadata.finalizers', why);
    }
  }
}

export function validateLabels(labels: Record<string, string> | undefined, field: string, errors: FieldErrors): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.invalidFor(field, key, isQualifiedName(key));
    errors.invalidFor(field, value, isLabelValue(value));
  }
}

/** `at`: which one it is; Kubernetes says so only where the name is none of its own. */
export function validateFinalizer(name: string, field: string, errors: FieldErrors, at = ''): void {
  const messages = isQualifiedName(name);
  errors.invalidFor(field, name, messages);
  if (messages.length === 0 && !name.includes('/') && !['orphan', 'foregroundDeletion', 'kubernetes'].includes(name)) {
    errors.invalid(`${field}${at}`, name, 'name is neither a standard finalizer name nor is it fully qualified');
  }
}

/** Names are parts of paths, whatever else a kind allows. */
export function pathSegmentErrors(name: string, nameErrors: (name: string) => string[]): string[] {
  const messages = nameErrors(name);
  if (name === '.' || name === '..') messages.push(`may not be '${name}'`);
  else if (messages.length === 0) {
    for (const part of ['/', '%']) if (name.includes(part)) messages.push(`may not contain '${part}'`);
  }
  return messages;
}

export function validateAnnotations(
  annotations: Record<string, string> | undefined,
  field: string,
  errors: FieldErrors,
): void {
  if (!annotations) return;
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    errors.invalidFor(field, key, isQualifiedName(key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationBytes) errors.tooLong(field, maxAnnotationBytes);
}

function validateOwners(owners: readonly OwnerReference[], errors: FieldErrors): void {
  owners.forEach((owner, index) => {
    const field = `metadata.ownerReferences[${index}]`;
    if (!owner.apiVersion) errors.invalid(`${field}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty');
    for (const part of ['kind', 'name', 'uid'] as const) {
      if (!owner[part]) errors.invalid(`${field}.${part}`, owner[part] ?? '', 'must not be empty');
    }
  });
  const controllers = owners.filter(({ controller }) => controller === true);
  if (controllers.length > 1) {
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]?.name} and ${controllers[1]?.name}`;
    errors.invalid('metadata.ownerReferences', controllers.length, why);
  }
}

/** Two texts of one time are the same time. */
function sameTime(a: string | undefined, b: string | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Date.parse(a) === Date.parse(b));
}
