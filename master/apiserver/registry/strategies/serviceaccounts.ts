/** ServiceAccounts. */
import { kinds } from '../../../api/kinds.ts';
import type { ServiceAccount } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, integerColumn, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  kind: kinds.serviceaccounts,
  columns: [
    nameColumn,
    integerColumn<ServiceAccount>(
      'Secrets',
      'Number of secrets that pods running as this service account may use.',
      ({ secrets }) => secrets?.length ?? 0,
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
};
