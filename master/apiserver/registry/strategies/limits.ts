/** LimitRanges and ResourceQuotas: how much a namespace, and what is in it, may have. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { KubeObject, LimitRange, ResourceQuota } from '../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import {
  isQuotaName,
  validateAmount,
  validateContainerResourceName,
  validateQuantity,
  validateResourceName,
} from '../validation/quantities.ts';
import { validateQuotaScopes } from '../validation/quota-scopes.ts';
import { withStatus } from './with-status.ts';

type Item = NonNullable<LimitRange['spec']>['limits'][number];
type Amounts = Readonly<Record<string, string>>;

export const limitRangeStrategy: Strategy<LimitRange> = {
  kind: kinds.limitranges,
  columns: [
    nameColumn,
    {
      name: 'Created At',
      type: 'string',
      description: 'When the object was made.',
      priority: 0,
      value: ({ metadata }: KubeObject) => metadata?.creationTimestamp ?? '<unknown>',
    },
  ],
  nameErrors: isDns1123Subdomain,
  setDefaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      if (item.type !== 'Container') continue;
      // A default is what there may be at most, and a default request what there is by default, or at least.
      item.default = { ...item.max, ...item.default };
      item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
    }
  },
  validate({ spec }, errors) {
    const types = new Set<string>();
    (spec?.limits ?? []).forEach((item, index) => {
      const field = `spec.limits[${index}]`;
      const { type = '' } = item;
      if (type === '') errors.required(`${field}.type`);
      else {
        errors.invalidFor(`${field}.type`, type, isQualifiedName(type));
        if (!type.includes('/') && !limitTypes.includes(type)) {
          errors.invalid(`${field}.type`, type, 'must be a standard limit type or fully qualified');
        }
      }
      if (types.has(type)) errors.duplicate(`${field}.type`, type);
      types.add(type);
      validateItem(item, field, errors);
    });
  },
};

const limitTypes = ['Container', 'PersistentVolumeClaim', 'Pod'];
const amountsOf = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function validateItem(item: Item, field: string, errors: FieldErrors): void {
  if (item.type === 'Pod') {
    for (const name of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[name] ?? {}).length > 0) {
        errors.forbidden(`${field}.${name}`, "may not be specified when `type` is 'Pod'");
      }
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage) {
    errors.required(`${field}.limits`, 'either minimum or maximum storage value is required, but neither was provided');
  }
  const names = new Set(amountsOf.flatMap((name) => Object.keys(item[name] ?? {})));
  for (const name of names) {
    const amount = (of: (typeof amountsOf)[number]): number | undefined => {
      const text = item[of]?.[name];
      return isQuantity(text) ? milliValue(text) : undefined;
    };
    const validateName =
      item.type === 'Pod' || item.type === 'Container' ? validateContainerResourceName : validateResourceName;
    for (const of of amountsOf) {
      const text = item[of]?.[name];
      if (text === undefined) continue;
      validateName(name, `${field}.${of}[${name}]`, errors);
      validateQuantity(text, `${field}.${of}[${name}]`, errors);
    }
    const notAbove = (lower: 'min' | 'default' | 'defaultRequest', upper: 'max' | 'default', words: string): void => {
      const [low, high] = [amount(lower), amount(upper)];
      if (low === undefined || high === undefined || low <= high) return;
      const why = `${words} value ${item[lower]?.[name]} is greater than ${upper === 'max' ? 'max' : 'default limit'} value ${item[upper]?.[name]}`;
      errors.invalid(`${field}.${lower}[${name}]`, item[lower]?.[name], why);
    };
    notAbove('min', 'max', 'min');
    notAbove('defaultRequest', 'max', 'default request');
    notAbove('defaultRequest', 'default', 'default request');
    notAbove('default', 'max', 'default');
    const [low, wanted] = [amount('min'), amount('defaultRequest')];
    if (low !== undefined && wanted !== undefined && low > wanted) {
      const why = `min value ${item.min?.[name]} is greater than default request value ${item.defaultRequest?.[name]}`;
      errors.invalid(`${field}.defaultRequest[${name}]`, item.defaultRequest?.[name], why);
    }
    const ratio = amount('maxLimitRequestRatio');
    if (ratio !== undefined && ratio < 1000) {
      const text = item.maxLimitRequestRatio?.[name];
      errors.invalid(`${field}.maxLimitRequestRatio[${name}]`, text, `ratio ${text} is less than 1`);
    }
  }
}

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  kind: kinds.resourcequotas,
  columns: [
    nameColumn,
    column<ResourceQuota>(
      'Request',
      'Request represents a minimum amount of cpu/memory that a container may consume.',
      (quota) => usageText(quota, false),
    ),
    column<ResourceQuota>(
      'Limit',
      'Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.',
      (quota) => usageText(quota, true),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  ...withStatus<ResourceQuota>(
    () => ({}),
    ({ status }, _old, errors) => {
      for (const field of ['hard', 'used'] as const) validateAmounts(status?.[field] ?? {}, `status.${field}`, errors);
    },
  ),
  validate({ spec }, errors) {
    validateAmounts(spec?.hard ?? {}, 'spec.hard', errors);
    if (spec) validateQuotaScopes(spec, errors);
  },
  validateUpdate({ spec }, old, errors) {
    const sorted = (list: readonly string[] | undefined): string[] => [...(list ?? [])].sort();
    if (!deepEqual(sorted(spec?.scopes), sorted(old.spec?.scopes))) {
      errors.invalid('spec.scopes', spec?.scopes, 'field is immutable');
    }
    errors.unchanged('spec.scopeSelector', spec?.scopeSelector, old.spec?.scopeSelector);
  },
};

function validateAmounts(amounts: Amounts, field: string, errors: FieldErrors): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const at = `${field}[${name}]`;
    errors.invalidFor(at, name, isQualifiedName(name));
    if (!name.includes('/') && !isQuotaName(name)) errors.invalid(at, name, 'must be a standard resource for quota');
    validateAmount(name, amount, at, errors);
  }
}

/** `pods: 1/10, requests.cpu: 0/2` */
function usageText({ status }: ResourceQuota, limits: boolean): string {
  const hard = Object.entries(status?.hard ?? {}).filter(([name]) => name.startsWith('limits') === limits);
  return hard
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, amount]) => `${name}: ${status?.used?.[name] ?? '0'}/${amount}`)
    .join(', ');
}
