/** The rules of devices, and of claims to them (Kubernetes' "Dynamic Resource Allocation" page, KEP-4381). */
import type { ResourceClaim, ResourceSlice } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { validateExpression } from './admission-expressions.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateOneOf } from './numbers.ts';
import { validateDriverName } from './volume-sources.ts';

type ClaimSpec = NonNullable<ResourceClaim['spec']>;
type DeviceClaim = NonNullable<ClaimSpec['devices']>;
type Exact = NonNullable<NonNullable<DeviceClaim['requests']>[number]['exactly']>;
type Config = Pick<NonNullable<DeviceClaim['config']>[number], 'opaque'>;
type Device = NonNullable<NonNullable<ResourceSlice['spec']>['devices']>[number];

const mostRequests = 32;
const mostDevices = 128;

export function validateClaim(spec: ClaimSpec | undefined, path: string, errors: FieldErrors): void {
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
  const chosen = (list: string, index: number, of: readonly string[] = []): void => {
    of.forEach((name, at) => {
      if (names.has(name)) return;
      const why =
        "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
      errors.invalid(`${path}.devices.${list}[${index}].requests[${at}]`, name, why);
    });
  };
  constraints.forEach(({ requests: of, matchAttribute, distinctAttribute }, index) => {
    chosen('constraints', index, of);
    if (!matchAttribute && !distinctAttribute) errors.required(`${path}.devices.constraints[${index}].matchAttribute`);
  });
  config.forEach(({ requests: of }, index) => {
    chosen('config', index, of);
  });
  validateConfig(config, `${path}.devices.config`, errors);
}

/** What a driver is told of the devices that are given out. */
export function validateConfig(config: readonly Config[], path: string, errors: FieldErrors): void {
  config.forEach(({ opaque }, index) => {
    const field = `${path}[${index}].opaque`;
    if (!opaque) {
      errors.required(field);
      return;
    }
    validateDriverName(opaque.driver ?? '', `${field}.driver`, errors);
    if (opaque.parameters === undefined) errors.required(`${field}.parameters`);
  });
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

export function validateSelectors(selectors: readonly Selector[], field: string, errors: FieldErrors): void {
  if (selectors.length > mostRequests) errors.tooMany(field, selectors.length, mostRequests);
  selectors.forEach(({ cel }, index) => {
    if (!cel) errors.required(`${field}[${index}].cel`);
    else if (!cel.expression) errors.required(`${field}[${index}].cel.expression`);
    else validateExpression(cel.expression, 'device', 'bool', `${field}[${index}].cel.expression`, errors);
  });
}

/** What a driver says of the devices of a node, or of several nodes. */
export function validateSlice(spec: ResourceSlice['spec'] | undefined, errors: FieldErrors): void {
  const { driver = '', pool, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, devices = [] } = spec ?? {};
  validateDriverName(driver, 'spec.driver', errors);
  if (!pool?.name) errors.required('spec.pool.name');
  const { generation = 0, resourceSliceCount: count = 0 } = pool ?? {};
  if (generation < 0) errors.invalid('spec.pool.generation', generation, 'must be greater than or equal to zero');
  if (count <= 0) errors.invalid('spec.pool.resourceSliceCount', count, 'must be greater than zero');
  const places = [nodeName, nodeSelector, allNodes, perDeviceNodeSelection].filter(Boolean);
  const choice = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
  if (places.length === 0) errors.required('spec', choice);
  else if (places.length > 1) errors.invalid('spec', '', choice);
  if (devices.length > mostDevices) errors.tooMany('spec.devices', devices.length, mostDevices);
  const names = new Set<string>();
  devices.forEach((device, index) => {
    const field = `spec.devices[${index}]`;
    const { name = '' } = device;
    errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
    if (names.has(name)) errors.duplicate(`${field}.name`, name);
    names.add(name);
    validateAttributes(device, field, errors);
  });
}

const identifier = '[A-Za-z_][A-Za-z0-9_]*';
const notAnIdentifier = `a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '${identifier}')`;
const isIdentifier = new RegExp(`^${identifier}$`);

/** `model`, or `example.com/model`; each has one value, of one type. */
function validateAttributes({ attributes = {}, capacity = {} }: Device, path: string, errors: FieldErrors): void {
  for (const [list, held] of Object.entries({ attributes, capacity })) {
    for (const [name, value] of Object.entries(held)) {
      const field = `${path}.${list}[${name}]`;
      const parts = name.split('/');
      const id = parts.at(-1) ?? '';
      if (!isIdentifier.test(id)) errors.invalid(field, id, notAnIdentifier);
      if (parts.length > 1) {
        const domain = parts.slice(0, -1).join('/');
        errors.invalidFor(field, domain, isDns1123Subdomain(domain));
      }
      if (list === 'attributes' && Object.keys(value).length !== 1) {
        errors.required(field, 'exactly one value must be specified');
      }
    }
  }
}
