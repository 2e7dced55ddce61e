import test from 'ava';
import { hasHost, overlap } from '../../../master/api/addresses.ts';
import type { IPAddress, ServiceCIDR } from '../../../master/api/types.ts';
import { isNeeded } from '../../../master/controllers/service-cidrs.ts';

test('hosts of a network are all but the first address, and in IPv4 the last', (t) => {
  t.deepEqual(
    ['10.0.0.0', '10.0.0.1', '10.0.0.254', '10.0.0.255', '10.0.1.1', 'fd00::1'].map((address) =>
      hasHost('10.0.0.0/24', address),
    ),
    [false, true, true, false, false, false],
  );
  t.true(hasHost('fd00::/120', 'fd00::ff'));
  t.false(hasHost('10.0.0.0/24', 'x'));
  t.false(hasHost('10.0.0.0/32', '10.0.0.0'));
  t.true(overlap('10.0.0.0/8', '10.1.0.0/16'));
  t.true(overlap('10.1.0.0/16', '10.0.0.0/8'));
  t.false(overlap('10.1.0.0/16', '10.2.0.0/16'));
  t.false(overlap('0.0.0.0/0', '::/0'));
});

const range = (uid: string, cidr: string, deleted = false): ServiceCIDR => ({
  metadata: { name: uid, uid, ...(deleted && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
  spec: { cidrs: [cidr] },
});
const address = (name: string, by = 'ipallocator.k8s.io'): IPAddress => ({
  metadata: { name, labels: { 'ipaddress.kubernetes.io/managed-by': by } },
  spec: { parentRef: { resource: 'services', name: 'a' } },
});

test('a range is needed while a Service has an address that no other range has that stays', (t) => {
  const own = range('a', '10.0.0.0/24', true);
  const held = [address('10.0.0.7')];
  t.true(isNeeded(own, [own], held));
  t.false(isNeeded(own, [own], [address('10.0.1.7'), address('10.0.0.7', 'somebody')]));
  t.false(isNeeded(own, [own, range('b', '10.0.0.0/16')], held));
  t.true(isNeeded(own, [own, range('b', '10.0.0.0/16', true)], held));
  t.true(isNeeded(own, [own, range('b', '10.0.0.128/25')], held));
});
