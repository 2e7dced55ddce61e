/** Endpoints: the addresses behind a Service, all in one object. */
import { isIP } from 'node:net';
import { kinds } from '../../../api/kinds.ts';
import type { Endpoints } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, upToThree } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validatePortNumber, validateProtocol } from '../validation/ports.ts';

export const endpointsStrategy: Strategy<Endpoints> = {
  kind: kinds.endpoints,
  columns: [
    nameColumn,
    column<Endpoints>('Endpoints', 'The set of all endpoints is the union of all subsets.', (endpoints) =>
      upToThree(addressesOf(endpoints), '<none>'),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  createsOnUpdate: true,

  setDefaults({ subsets = [] }) {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ??= 'TCP';
  },
  validate({ subsets = [] }, errors) {
    subsets.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
      const field = `subsets[${index}]`;
      if (addresses.length === 0 && notReadyAddresses.length === 0) {
        errors.required(field, 'must specify `addresses` or `notReadyAddresses`');
      }
      for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
        list.forEach(({ ip = '' }, at) => {
          if (isIP(ip) === 0)
            errors.invalid(
              `${field}.${name}[${at}].ip`,
              ip,
              'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
            );
        });
      }
      ports.forEach(({ name = '', port = 0, protocol = '' }, at) => {
        if (ports.length > 1 && name === '') errors.required(`${field}.ports[${at}].name`);
        validatePortNumber(port, `${field}.ports[${at}].port`, errors);
        validateProtocol(protocol, `${field}.ports[${at}].protocol`, errors);
      });
    });
  },
  warnings: () => ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
};

function addressesOf({ subsets = [] }: Endpoints): string[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
}
