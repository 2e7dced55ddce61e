/** Endpoints: the addresses behind a Service, all in one object. */
import { inUrl } from '../../../api/addresses.ts';
import { kinds } from '../../../api/kinds.ts';
import type { Endpoints } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, upToThree } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { addressErrors, specialAddressErrors } from '../validation/addresses.ts';
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
  validate({ subsets = [] }, errors, old) {
    const known = (old?.subsets ?? []).flatMap(({ addresses = [], notReadyAddresses = [] }) =>
      [...addresses, ...notReadyAddresses].map(({ ip }) => ip),
    );
    subsets.forEach(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
      const field = `subsets[${index}]`;
      if (addresses.length === 0 && notReadyAddresses.length === 0) {
        errors.required(field, 'must specify `addresses` or `notReadyAddresses`');
      }
      for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
        list.forEach(({ ip = '', hostname, nodeName }, index) => {
          const at = `${field}.${name}[${index}]`;
          errors.invalidFor(`${at}.ip`, ip, addressErrors(ip, known));
          errors.invalidFor(`${at}.ip`, ip, specialAddressErrors(ip, true));
          if (hostname) errors.invalidFor(`${at}.hostname`, hostname, isDns1123Label(hostname));
          if (nodeName !== undefined) errors.invalidFor(`${at}.nodeName`, nodeName, isDns1123Subdomain(nodeName));
        });
      }
      ports.forEach(({ name = '', port = 0, protocol = '', appProtocol }, at) => {
        if (name !== '') errors.invalidFor(`${field}.ports[${at}].name`, name, isDns1123Label(name));
        else if (ports.length > 1) errors.required(`${field}.ports[${at}].name`);
        if (appProtocol !== undefined) {
          errors.invalidFor(`${field}.ports[${at}].appProtocol`, appProtocol, isQualifiedName(appProtocol));
        }
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
      : ports.flatMap(({ port }) => addresses.map(({ ip }) => `${inUrl(ip)}:${port}`)),
  );
}
