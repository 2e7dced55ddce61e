/** resource.k8s.io/v1: devices, and claims to them. Nothing allocates them yet. */
import { kinds } from '../../../api/kinds.ts';
import type { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import { validateExpression } from '../validation/admission-expressions.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { withStatus } from './with-status.ts';

type ClaimSpec = NonNullable<ResourceClaim['spec']>;
type Request = NonNullable<NonNullable<ClaimSpec['devices']>['requests']>[number];
type Exact = NonNullable<Request['exactly']>;

const mostRequests = 32;
const mostDevices = 128;

export const deviceClassStrategy: Strategy<DeviceClass> = {
  kind: kinds.deviceclasses,
  columns: [nameColumn, ageColumn],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  validate({ spec }, errors) {
    validateSelectors(spec?.selectors ?? [], 'spec.selectors', errors);
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
    const { driver = '', pool, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, devices = [] } = spec ?? {};
    if (driver === '') errors.required('spec.driver');
    else errors.invalidFor('spec.driver', driver, isDns1123Subdomain(driver));
    if (!pool?.name) errors.required('spec.pool.name');
    const places = [nodeName, nodeSelector, allNodes, perDeviceNodeSelection].filter(Boolean);
    const choice = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
    if (places.length === 0) errors.required('spec', choice);
    else if (places.length > 1) errors.invalid('spec', '', choice);
    if (devices.length > mostDevices) errors.tooMany('spec.devices', devices.length, mostDevices);
    const names = new Set<string>();
    devices.forEach(({ name = '' }, index) => {
      const field = `spec.devices[${index}].name`;
      errors.invalidFor(field, name, isDns1123Label(name));
      if (names.has(name)) errors.duplicate(field, name);
      names.add(name);
    });
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

function validateClaim(spec: ClaimSpec | undefined, path: string, errors: FieldErrors): void {
  const requests = spec?.devices?.requests ?? [];
  const field = `${path}.devices.requests`;
  if (requests.length > mostRequests) errors.tooMany(field, requests.length, mostRequests);
  const names = new Set<string>();
  requests.forEach(({ name = '', exactly, firstAvailable }, index) => {
    const at = `${field}[${index}]`;
    errors.invalidFor(`${at}.name`, name, isDns1123Label(name));
    if (names.has(name)) errors.duplicate(at, name);
    names.add(name);
    const choice = 'exactly one of `exactly` or `firstAvailable` is required';
    if (exactly && firstAvailable?.length) errors.invalid(at, '', choice);
    else if (exactly) validateExact(exactly, `${at}.exactly`, errors);
    else if (!firstAvailable?.length) errors.required(at, choice);
    (firstAvailable ?? []).forEach((alternative, number) => {
      validateExact(alternative, `${at}.firstAvailable[${number}]`, errors);
      names.add(`${name}/${alternative.name}`);
    });
  });
  const { constraints = [], config = [] } = spec?.devices ?? {};
  for (const [list, items] of Object.entries({ constraints, config })) {
    items.forEach(({ requests: chosen = [] }, index) => {
      chosen.forEach((name, at) => {
        if (names.has(name)) return;
        const why =
          "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
        errors.invalid(`${path}.devices.${list}[${index}].requests[${at}]`, name, why);
      });
    });
  }
}

function validateExact(
  { deviceClassName = '', allocationMode, count, selectors = [] }: Exact,
  field: string,
  errors: FieldErrors,
): void {
  if (deviceClassName === '') errors.required(`${field}.deviceClassName`);
  else errors.invalidFor(`${field}.deviceClassName`, deviceClassName, isDns1123Subdomain(deviceClassName));
  validateSelectors(selectors, `${field}.selectors`, errors);
  if (allocationMode === 'All') {
    if (count) errors.invalid(`${field}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (allocationMode === 'ExactCount') {
    if ((count ?? 0) <= 0) errors.invalid(`${field}.count`, count, 'must be greater than zero');
  } else validateOneOf(allocationMode ?? '', ['All', 'ExactCount'], `${field}.allocationMode`, errors);
}

type Selector = NonNullable<Exact['selectors']>[number];

function validateSelectors(selectors: readonly Selector[], field: string, errors: FieldErrors): void {
  if (selectors.length > mostRequests) errors.tooMany(field, selectors.length, mostRequests);
  selectors.forEach(({ cel }, index) => {
    if (!cel) errors.required(`${field}[${index}].cel`);
    else if (!cel.expression) errors.required(`${field}[${index}].cel.expression`);
    else validateExpression(cel.expression, 'device', 'bool', `${field}[${index}].cel.expression`, errors);
  });
}

function stateText({ metadata, status }: ResourceClaim): string {
  const states: string[] = [];
  if (metadata?.deletionTimestamp) states.push('deleted');
  if (!status?.allocation) {
    if (!metadata?.deletionTimestamp) states.push('pending');
  } else states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  return states.join(',');
}
