/** Secrets. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { Secret } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateDataKeys, validateImmutable } from '../validation/data.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

/** The keys that a Secret of a type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

export const secretStrategy: Strategy<Secret> = {
  kind: kinds.secrets,
  columns: [
    nameColumn,
    column<Secret>('Type', 'Used to facilitate programmatic handling of secret data.', ({ type }) => type ?? ''),
    integerColumn<Secret>('Data', 'Number of keys in data.', ({ data }) => Object.keys(data ?? {}).length),
    ageColumn,
  ],
  fieldNames: ['type'],
  fieldValue: ({ type }) => type ?? '',
  nameErrors: isDns1123Subdomain,

  setDefaults(secret) {
    secret.type ||= 'Opaque';
    if (!secret.stringData) return;
    const encoded = Object.entries(secret.stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
    secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
    delete secret.stringData;
  },
  validate({ data = {}, type = '', metadata }, errors) {
    validateDataKeys({ data }, errors);
    for (const [key, value] of Object.entries(data)) {
      if (!isBase64(value)) errors.invalid(`data[${key}]`, '<secret contents redacted>', 'must be base64');
    }
    for (const key of requiredKeys[type] ?? []) {
      const value = data[key];
      if (value === undefined || (value === '' && type === 'kubernetes.io/ssh-auth')) errors.required(`data[${key}]`);
      else if (type.startsWith('kubernetes.io/dockerc')) validateJson(value, `data[${key}]`, errors);
    }
    if (
      type === 'kubernetes.io/service-account-token' &&
      !metadata?.annotations?.['kubernetes.io/service-account.name']
    ) {
      errors.required('metadata.annotations[kubernetes.io/service-account.name]');
    }
    if (type === 'kubernetes.io/basic-auth' && !('username' in data) && !('password' in data)) {
      errors.required('data[username]');
      errors.required('data[password]');
    }
  },
  validateUpdate(secret, old, errors) {
    errors.immutable('type', secret.type, secret.type === old.type);
    if (validateImmutable(secret, old, errors) && !deepEqual(secret.data ?? {}, old.data ?? {})) {
      errors.forbidden('data', 'field is immutable when `immutable` is set');
    }
  },
};

/** A registry's password file. Nothing of it is said again. */
function validateJson(base64: string, field: string, errors: FieldErrors): void {
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    if (typeof value === 'object' && !Array.isArray(value)) return;
  } catch {
    // Said below.
  }
  errors.invalid(field, '<secret contents redacted>', 'must be a JSON object');
}

const isBase64 = (text: string): boolean => text.length % 4 === 0 && /^[A-Za-z0-9+/\r\n]*={0,2}$/.test(text);
