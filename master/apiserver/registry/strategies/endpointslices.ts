/** EndpointSlices: the addresses behind a Service, in pieces. */
import { isIPv4, isIPv6 } from 'node:net';
import { kinds } from '../../../api/kinds.ts';
import type { EndpointSlice } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, upToThree } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { portNameErrors, protocols, validatePortNumber } from '../validation/ports.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxAddresses = 100;

export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  kind: kinds.endpointslices,
  columns: [
    nameColumn,
    column<EndpointSlice>(
      'AddressType',
      'The type of address carried by this EndpointSlice.',
      ({ addressType }) => addressType ?? '',
    ),
    column<EndpointSlice>('Ports', 'The list of network ports exposed by each endpoint in this slice.', portsText),
    column<EndpointSlice>('Endpoints', 'A list of unique endpoints in this slice.', ({ endpoints }) =>
      upToThree(
        (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
        '<unset>',
      ),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,

  setDefaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  prepareForCreate(slice) {
    if (slice.metadata) slice.metadata.generation = 1;
  },
  prepareForUpdate(slice, old) {
    const changed = (['endpoints', 'ports'] as const).some((f) => JSON.stringify(slice[f]) !== JSON.stringify(old[f]));
    if (slice.metadata && changed) slice.metadata.generation = (old.metadata?.generation ?? 0) + 1;
  },
  validate({ addressType = '', endpoints = [], ports = [] }, errors) {
    if (addressType === '') errors.required('addressType');
    else if (!addressTypes.includes(addressType)) errors.notSupported('addressType', addressType, addressTypes);
    if (endpoints.length > maxEndpoints)
      errors.invalid('endpoints', endpoints.length, `must have at most ${maxEndpoints} items`);
    endpoints.forEach(({ addresses = [] }, index) => {
      const field = `endpoints[${index}].addresses`;
      if (addresses.length === 0) errors.required(field, 'must contain at least 1 address');
      if (addresses.length > maxAddresses)
        errors.invalid(field, addresses.length, `must have at most ${maxAddresses} items`);
      addresses.forEach((address, at) => {
        if (!addressFits(addressType, address))
          errors.invalid(`${field}[${at}]`, address, `must be a valid ${addressType} address`);
      });
    });
    const names = new Set<string>();
    ports.forEach(({ name = '', port, protocol = '' }, index) => {
      const field = `ports[${index}]`;
      if (name !== '') errors.invalidFor(`${field}.name`, name, portNameErrors(name));
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
      if (!protocols.includes(protocol)) errors.notSupported(`${field}.protocol`, protocol, protocols);
      if (port !== undefined) validatePortNumber(port, `${field}.port`, errors);
    });
  },
  validateUpdate(slice, old, errors) {
    errors.immutable('addressType', slice.addressType, slice.addressType === old.addressType);
  },
};

function addressFits(type: string, address: string): boolean {
  if (type === 'IPv4') return isIPv4(address);
  if (type === 'IPv6') return isIPv6(address);
  return isDns1123Subdomain(address).length === 0;
}

function portsText({ ports }: EndpointSlice): string {
  return upToThree(
    (ports ?? []).map(({ port, name }) => (port === undefined ? name || '*' : String(port))),
    '<unset>',
  );
}
