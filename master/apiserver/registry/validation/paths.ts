/** Paths of files: on a node, in a volume, in a container. */
import type { FieldErrors } from './field-errors.ts';

/** A path that never leads up. */
export function validateNoBacksteps(path: string, field: string, errors: FieldErrors): void {
  if (leadsUp(path)) errors.invalid(field, path, "must not contain '..'");
}

export const leadsUp = (path: string): boolean => path.includes('..') && path.split('/').includes('..');

/** A path within something. */
export function validateDescendingPath(path: string, field: string, errors: FieldErrors): void {
  if (path.startsWith('/')) errors.invalid(field, path, 'must be a relative path');
  validateNoBacksteps(path, field, errors);
}

/** A path of a file that a volume is made of: names that begin with two dots are the kubelet's own. */
export function validateFilePath(path: string, field: string, errors: FieldErrors): void {
  validateDescendingPath(path, field, errors);
  if (path.startsWith('..') && !leadsUp(path)) errors.invalid(field, path, "must not start with '..'");
}

const mostMode = 0o777;

/** What a file's mode may be. */
export function validateFileMode(mode: number | undefined, field: string, errors: FieldErrors): void {
  if (mode !== undefined && (mode < 0 || mode > mostMode)) {
    errors.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
  }
}
