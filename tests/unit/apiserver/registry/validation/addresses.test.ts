import test from 'ava';
import { addressErrors, networkErrors } from '../../../../../master/apiserver/registry/validation/addresses.ts';

const notAnAddress = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const zeros = 'must not have leading 0s';
const mapped = 'must not be an IPv4-mapped IPv6 address';

for (const [text, ...errors] of [
  ['192.0.2.1'],
  ['2001:DB8:0:0::1'],
  ['::1'],
  ['::192.0.2.1'],
  ['192.0.2.010', zeros],
  ['::ffff:192.0.02.1', zeros],
  ['::ffff:192.0.2.1', mapped],
  ['0:0:0:0:0:FFFF:c000:201', mapped],
  ['fe80::1%eth0', notAnAddress],
  ['192.0.2', notAnAddress],
  ['192.0.2.0256', notAnAddress],
  ['', notAnAddress],
] as const) {
  test(`an address is checked strictly: ${text}`, (t) => t.deepEqual(addressErrors(text), [...errors]));
}

const notANetwork = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const zerosInNetwork = 'must not have leading 0s in IP or prefix length';

for (const [text, ...errors] of [
  ['192.0.2.0/24'],
  ['0.0.0.0/0'],
  ['2001:DB8::/64'],
  ['192.0.2.0/024', zerosInNetwork],
  ['192.000.2.0/24', zerosInNetwork],
  ['::ffff:192.0.2.0/120', 'must not have an IPv4-mapped IPv6 address'],
  ['192.0.2.1/24', 'must not have bits set beyond the prefix length'],
  ['192.0.2.0', notANetwork],
  ['192.0.2.0/33', notANetwork],
  ['192.0.2.0/24/1', notANetwork],
] as const) {
  test(`a network is checked strictly: ${text}`, (t) => t.deepEqual(networkErrors(text), [...errors]));
}

test('what was taken before may stay', (t) => {
  t.deepEqual(addressErrors('192.0.2.010', ['192.0.2.010']), []);
  t.deepEqual(networkErrors('192.0.2.1/24', ['192.0.2.1/24']), []);
});
