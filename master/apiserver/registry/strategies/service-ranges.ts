/** IPAddresses and ServiceCIDRs (networking.k8s.io/v1): who has an address of a Service, and the ranges that they are from. */
import { isIP } from 'node:net';
import { canonicalAddress, isNetwork, parseCidr } from '../../../api/addresses.ts';
import { kinds } from '../../../api/kinds.ts';
import type { IPAddress, ServiceCIDR } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { withStatus } from './with-status.ts';

type Ref = NonNullable<IPAddress['spec']>['parentRef'];

export const ipAddressStrategy: Strategy<IPAddress> = {
  kind: kinds.ipaddresses,
  columns: [
    nameColumn,
    column<IPAddress>('ParentRef', 'The object that the address belongs to.', ({ spec }) =>
      parentText(spec?.parentRef),
    ),
  ],
  fieldNames: ['spec.parentRef'],
  fieldValue: ({ spec }) => parentText(spec?.parentRef),
  nameErrors(name) {
    if (isIP(name) === 0) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
    const canonical = canonicalAddress(name);
    return canonical === name ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
  },
  validate({ spec }, errors) {
    const { resource = '', name = '' } = spec?.parentRef ?? {};
    const field = 'spec.parentRef';
    if (!spec?.parentRef) errors.required(field);
    else {
      if (resource === '') errors.required(`${field}.resource`);
      if (name === '') errors.required(`${field}.name`);
    }
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec.parentRef', spec?.parentRef, old.spec?.parentRef);
  },
};

/** `services/default/kubernetes` */
function parentText(parent: Ref | undefined): string {
  if (!parent) return '<none>';
  const { group, resource = '', namespace, name = '' } = parent;
  const kind = (group ? `${resource}.${group}` : resource).toLowerCase();
  return [kind, ...(namespace ? [namespace] : []), name].join('/');
}

export const serviceCidrStrategy: Strategy<ServiceCIDR> = {
  kind: kinds.servicecidrs,
  columns: [
    nameColumn,
    column<ServiceCIDR>('CIDRs', 'The ranges that addresses of Services are from.', ({ spec }) =>
      (spec?.cidrs ?? []).join(','),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  ...withStatus<ServiceCIDR>(),
  subresources: { status: nothingButStatus<ServiceCIDR>() },

  validate({ spec }, errors) {
    const cidrs = spec?.cidrs ?? [];
    if (cidrs.length === 0) errors.required('spec.cidrs', 'at least one CIDR required');
    else if (cidrs.length > 2) errors.invalid('spec.cidrs', spec, 'may only hold up to 2 values');
    else if (cidrs.length === 2 && parseCidr(cidrs[0] ?? '')?.v4 === parseCidr(cidrs[1] ?? '')?.v4) {
      errors.invalid(
        'spec.cidrs',
        spec,
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
      );
    }
    cidrs.forEach((cidr, index) => {
      validateRange(cidr, `spec.cidrs[${index}]`, errors);
    });
  },
  validateUpdate({ spec }, old, errors) {
    const before = old.spec?.cidrs ?? [];
    const now = spec?.cidrs ?? [];
    // The second family may be added to the first.
    const added = before.length === 1 && now.length === 2;
    if (!added && before.length !== now.length) errors.invalid('spec.cidrs', now, 'field is immutable');
    else
      before.forEach((cidr, index) => {
        errors.unchanged(`spec.cidrs[${index}]`, now[index], cidr);
      });
  },
};

function validateRange(cidr: string, field: string, errors: FieldErrors): void {
  if (!parseCidr(cidr)) {
    errors.invalid(field, cidr, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)');
  } else if (!isNetwork(cidr)) {
    errors.invalid(field, cidr, 'must not have bits set beyond the prefix length');
  }
}
