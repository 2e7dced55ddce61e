/** EndpointSlices: the addresses behind a Service, in pieces. */
import { isIPv4, isIPv6 } from 'node:net';
import { kinds } from '../../../api/kinds.ts';
import type { EndpointSlice } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, upToThree } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { specialAddressErrors } from '../validation/addresses.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabels } from '../validation/metadata.ts';
import { protocols, validatePortNumber } from '../validation/ports.ts';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;
const maxTopologyLabels = 16;

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
    if (endpoints.length > maxEndpoints) errors.tooMany('endpoints', endpoints.length, maxEndpoints);
    else {
      endpoints.forEach((endpoint, index) => {
        validateEndpoint(endpoint, addressType, `endpoints[${index}]`, errors);
      });
    }
    if (ports.length > maxPorts) errors.tooMany('ports', ports.length, maxPorts);
    const names = new Set<string>();
    ports.forEach(({ name = '', port, protocol = '', appProtocol }, index) => {
      const field = `ports[${index}]`;
      if (name !== '') errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
      if (appProtocol !== undefined) {
        errors.invalidFor(`${field}.appProtocol`, appProtocol, isQualifiedName(appProtocol));
      }
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

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number];

function validateEndpoint(
  { addresses = [], hostname, nodeName, deprecatedTopology = {} }: Endpoint,
  type: string,
  path: string,
  errors: FieldErrors,
): void {
  const field = `${path}.addresses`;
  if (addresses.length === 0) errors.required(field, 'must contain at least 1 address');
  if (addresses.length > maxAddresses) errors.tooMany(field, addresses.length, maxAddresses);
  addresses.forEach((address, at) => {
    if (!addressFits(type, address)) errors.invalid(`${field}[${at}]`, address, `must be a valid ${type} address`);
    else if (type !== 'FQDN') errors.invalidFor(`${field}[${at}]`, address, specialAddressErrors(address, true));
  });
  if (hostname !== undefined) errors.invalidFor(`${path}.hostname`, hostname, isDns1123Label(hostname));
  if (nodeName !== undefined) errors.invalidFor(`${path}.nodeName`, nodeName, isDns1123Subdomain(nodeName));
  const labels = Object.keys(deprecatedTopology).length;
  if (labels > maxTopologyLabels) errors.tooMany(`${path}.deprecatedTopology`, labels, maxTopologyLabels);
  validateLabels(deprecatedTopology, `${path}.deprecatedTopology`, errors);
}

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
