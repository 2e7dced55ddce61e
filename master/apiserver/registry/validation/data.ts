/** What ConfigMaps and Secrets have in common: keyed data, which can be made immutable. */
import type { FieldErrors } from './field-errors.ts';

const maxDataBytes = 1024 * 1024;

/** The keys of each field, and the size of all. */
export function validateDataKeys(fields: Record<string, Record<string, string>>, errors: FieldErrors): void {
  let bytes = 0;
  for (const [field, data] of Object.entries(fields)) {
    for (const [key, value] of Object.entries(data)) {
      errors.invalidFor(`${field}[${key}]`, key, dataKeyErrors(key));
      bytes += value.length;
    }
  }
  if (bytes > maxDataBytes) errors.tooLong('', maxDataBytes);
}

/** Whether the old object is immutable, so that its data must be as it was. */
export function validateImmutable(
  object: { immutable?: boolean },
  old: { immutable?: boolean },
  errors: FieldErrors,
): boolean {
  if (!old.immutable) return false;
  if (!object.immutable) errors.forbidden('immutable', 'field is immutable when `immutable` is set');
  return true;
}

export function dataKeyErrors(key: string): string[] {
  const messages: string[] = [];
  if (key.length > 253) messages.push('must be no more than 253 characters');
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    messages.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  if (key === '.') messages.push("must not be '.'");
  else if (key.startsWith('..')) messages.push(key === '..' ? "must not be '..'" : "must not start with '..'");
  return messages;
}
