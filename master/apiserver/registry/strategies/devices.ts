/** resource.k8s.io/v1: devices, and claims to them. Nothing allocates them yet. */
import { kinds } from '../../../api/kinds.ts';
import type { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import { validateClaim, validateConfig, validateSelectors, validateSlice } from '../validation/devices.ts';
import { withStatus } from './with-status.ts';

type ClaimSpec = NonNullable<ResourceClaim['spec']>;

export const deviceClassStrategy: Strategy<DeviceClass> = {
  kind: kinds.deviceclasses,
  columns: [nameColumn, ageColumn],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  validate({ spec }, errors) {
    validateSelectors(spec?.selectors ?? [], 'spec.selectors', errors);
    validateConfig(spec?.config ?? [], 'spec.config', errors);
  },
};

export const resourceClaimStrategy: Strategy<ResourceClaim> = {
  kind: kinds.resourceclaims,
  columns: [
    nameColumn,
    column<ResourceClaim>('State', 'A summary of the current state (allocated, pending, reserved, etc.).', stateText),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  ...withStatus<ResourceClaim>(),
  subresources: { status: nothingButStatus<ResourceClaim>() },
  setDefaults: ({ spec }) => setClaimDefaults(spec),
  validate: ({ spec }, errors) => validateClaim(spec, 'spec', errors),
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec', spec, old.spec);
  },
};

export const resourceClaimTemplateStrategy: Strategy<ResourceClaimTemplate> = {
  kind: kinds.resourceclaimtemplates,
  columns: [nameColumn, ageColumn],
  nameErrors: isDns1123Subdomain,
  setDefaults: ({ spec }) => setClaimDefaults(spec?.spec),
  validate: ({ spec }, errors) => validateClaim(spec?.spec, 'spec.spec', errors),
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec', spec, old.spec);
  },
};

export const resourceSliceStrategy: Strategy<ResourceSlice> = {
  kind: kinds.resourceslices,
  columns: [
    nameColumn,
    column<ResourceSlice>('Node', 'The node that has the devices.', ({ spec }) => spec?.nodeName || '<none>'),
    column<ResourceSlice>('Driver', 'The driver of the devices.', ({ spec }) => spec?.driver ?? ''),
    column<ResourceSlice>('Pool', 'The pool that the devices belong to.', ({ spec }) => spec?.pool?.name ?? ''),
    ageColumn,
  ],
  fieldNames: ['spec.nodeName', 'spec.driver'],
  fieldValue: ({ spec }, field) => (field === 'spec.driver' ? spec?.driver : spec?.nodeName) ?? '',
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  validate({ spec }, errors) {
    validateSlice(spec, errors);
  },
  validateUpdate({ spec }, old, errors) {
    for (const field of ['driver', 'nodeName'] as const)
      errors.unchanged(`spec.${field}`, spec?.[field], old.spec?.[field]);
    errors.unchanged('spec.pool.name', spec?.pool?.name, old.spec?.pool?.name);
  },
};

function setClaimDefaults(spec: ClaimSpec | undefined): void {
  for (const { exactly, firstAvailable = [] } of spec?.devices?.requests ?? []) {
    for (const request of [...(exactly ? [exactly] : []), ...firstAvailable]) {
      request.allocationMode ??= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ??= 1;
    }
  }
}

function stateText({ metadata, status }: ResourceClaim): string {
  const states: string[] = [];
  if (metadata?.deletionTimestamp) states.push('deleted');
  if (!status?.allocation) {
    if (!metadata?.deletionTimestamp) states.push('pending');
  } else states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  return states.join(',');
}
