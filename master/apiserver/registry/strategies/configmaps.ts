/** ConfigMaps. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { ConfigMap } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateDataKeys, validateImmutable } from '../validation/data.ts';

export const configMapStrategy: Strategy<ConfigMap> = {
  kind: kinds.configmaps,
  columns: [
    nameColumn,
    integerColumn<ConfigMap>('Data', 'Number of keys in data and binaryData.', ({ data, binaryData }) => {
      return Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length;
    }),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,

  validate({ data = {}, binaryData = {} }, errors) {
    validateDataKeys({ data, binaryData }, errors);
    for (const key of Object.keys(data)) {
      if (Object.hasOwn(binaryData, key)) errors.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
    }
  },
  validateUpdate(configMap, old, errors) {
    if (!validateImmutable(configMap, old, errors)) return;
    for (const field of ['data', 'binaryData'] as const) {
      if (!deepEqual(configMap[field] ?? {}, old[field] ?? {})) {
        errors.forbidden(field, 'field is immutable when `immutable` is set');
      }
    }
  },
};
