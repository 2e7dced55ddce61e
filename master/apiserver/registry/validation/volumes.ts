/** The rules that volumes and claims to them share. */
import type { FieldErrors } from './field-errors.ts';
import { validateOneOf } from './numbers.ts';

const accessModes = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];

export function validateAccessModes(modes: readonly string[], field: string, errors: FieldErrors): void {
  if (modes.length === 0) errors.required(field, 'at least 1 access mode is required');
  modes.forEach((mode) => {
    validateOneOf(mode, accessModes, field, errors);
  });
  if (modes.includes('ReadWriteOncePod') && new Set(modes).size > 1) {
    errors.forbidden(field, 'may not use ReadWriteOncePod with other access modes');
  }
}
