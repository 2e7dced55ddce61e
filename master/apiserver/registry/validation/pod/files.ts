/** The files that a kubelet makes in a volume of what the cluster knows. */
import type { Volume } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateFileMode, validateFilePath } from '../paths.ts';
import { needs } from '../volume-sources.ts';
import { validateFieldRef, validateResourceFieldRef } from './env.ts';

type DownwardFile = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];
type KeyToPath = NonNullable<NonNullable<Volume['secret']>['items']>[number];

/** Which keys of a Secret or ConfigMap become which files. */
export function validateKeys(items: readonly KeyToPath[] | undefined, path: string, errors: FieldErrors): void {
  (items ?? []).forEach((item, index) => {
    const field = `${path}[${index}]`;
    needs('key', 'path')(item, field, errors);
    validateFilePath(item.path ?? '', `${field}.path`, errors);
    validateFileMode(item.mode, `${field}.mode`, errors);
  });
}

const toldInFiles = ['metadata.name', 'metadata.namespace', 'metadata.labels', 'metadata.annotations', 'metadata.uid'];

/** A file that tells something of the pod. */
export function validateDownwardFile(file: DownwardFile, field: string, errors: FieldErrors): void {
  const { path = '', fieldRef, resourceFieldRef, mode } = file;
  if (path === '') errors.required(`${field}.path`);
  validateFilePath(path, `${field}.path`, errors);
  if (fieldRef) {
    validateFieldRef(fieldRef, toldInFiles, `${field}.fieldRef`, errors);
    if (resourceFieldRef) {
      errors.invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously');
    }
  } else if (resourceFieldRef) {
    validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, errors, true);
  } else errors.required(field, 'one of fieldRef and resourceFieldRef is required');
  validateFileMode(mode, `${field}.mode`, errors);
}
