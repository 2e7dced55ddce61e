import test from 'ava';
import type { Service, ServiceCIDR } from '../../../../master/api/types.ts';
import { liveRanges, rangesOf } from '../../../../master/apiserver/registry/allocation/live-ranges.ts';
import {
  addressText,
  choose,
  chooseFromAny,
  contains,
  parseAddressRange,
  parsePortRange,
} from '../../../../master/apiserver/registry/allocation/ranges.ts';
import { createServiceAllocator } from '../../../../master/apiserver/registry/allocation/service-allocator.ts';

const addresses = parseAddressRange('10.96.0.0/16');
const nodePorts = parsePortRange('30000-32767');
const none: ReadonlySet<string> = new Set();

test('a range has neither the address of the network nor that of everybody', (t) => {
  t.is(addressText(addresses.first), '10.96.0.1');
  t.is(addresses.size, 65_534);
  t.is(parseAddressRange('10.96.3.7/24').cidr, '10.96.3.0/24');
  t.false(contains(addresses, addresses.first - 1));
  t.false(contains(addresses, addresses.first + addresses.size));
});

test('a text that is no range is refused', (t) => {
  for (const text of ['10.96.0.0', '10.96.0.0/31', 'fd00::/108', 'x/16', '10.96.0.0/4']) {
    t.throws(() => parseAddressRange(text), undefined, text);
  }
  for (const text of ['30000', '32767-30000', '0-10', '60000-70000'])
    t.throws(() => parsePortRange(text), undefined, text);
});

test('choosing keeps to the upper band until it is full, finds the last free number, and says when none is left', (t) => {
  const range = { first: 1, size: 100, reserved: 16 };
  for (const random of [0, 0.5, 0.999])
    t.true(
      (choose(
        range,
        () => false,
        () => random,
      ) ?? 0) > 16,
    );
  t.is(
    choose(range, (value) => value !== 3),
    3,
  );
  t.is(
    choose(range, (value) => value !== 99),
    99,
  );
  t.is(
    choose(range, () => true),
    undefined,
  );
});

const allocator = createServiceAllocator({ addresses: () => [addresses], nodePorts }, () => 0);
const service = (spec: Service['spec']): Service => (spec ? { metadata: { name: 'a' }, spec } : {});

test('a Service gets an address, and a node port for each port of its type', (t) => {
  const ports = [
    { port: 53, protocol: 'TCP' },
    { port: 53, protocol: 'UDP' },
    { port: 80, protocol: 'TCP' },
  ];
  const { object, chosen } = allocator.allocate(service({ type: 'NodePort', ports }), undefined, none);
  t.is(object.spec?.clusterIP, '10.96.1.1');
  t.deepEqual(object.spec?.clusterIPs, ['10.96.1.1']);
  t.deepEqual(
    object.spec?.ports?.map(({ nodePort }) => nodePort),
    [30_086, 30_086, 30_087],
  );
  t.deepEqual([...chosen].sort(), [
    '/registry/ipaddresses/10.96.1.1',
    '/registry/ranges/servicenodeports/30086',
    '/registry/ranges/servicenodeports/30087',
  ]);
  t.deepEqual([...allocator.keysOf(object)].sort(), [...chosen].sort());
});

test('what turned out to be taken is not chosen again, and the given object is left as it is', (t) => {
  const given = service({ type: 'ClusterIP', ports: [{ port: 80 }] });
  const taken = new Set(['/registry/ipaddresses/10.96.1.1']);
  t.is(allocator.allocate(given, undefined, taken).object.spec?.clusterIP, '10.96.1.2');
  t.is(given.spec?.clusterIP, undefined);
});

test('an address that was asked for is not the choice of the server', (t) => {
  const { object, chosen } = allocator.allocate(
    service({ clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }),
    undefined,
    none,
  );
  t.is(chosen.size, 0);
  t.deepEqual(allocator.keysOf(object), ['/registry/ipaddresses/10.96.0.9']);
});

test('a headless Service and an ExternalName have nothing that others could not have too', (t) => {
  const headless = allocator.allocate(service({ clusterIP: 'None', clusterIPs: ['None'] }), undefined, none).object;
  t.deepEqual(allocator.keysOf(headless), []);
  const external = allocator.allocate(service({ type: 'ExternalName', externalName: 'x' }), undefined, none).object;
  t.is(external.spec?.clusterIP, undefined);
  t.deepEqual(allocator.keysOf(external), []);
});

test('of several ranges the ones that are full are passed over', (t) => {
  const [small, other] = [parseAddressRange('10.0.0.0/30'), parseAddressRange('10.1.0.0/30')];
  const isTaken = (value: number): boolean => contains(small, value);
  for (const random of [0, 0.6]) {
    t.is(
      chooseFromAny([small, other], isTaken, () => random),
      other.first + Math.floor(random * 2),
    );
  }
  t.is(
    chooseFromAny([small, other], () => true),
    undefined,
  );
  t.is(
    chooseFromAny([], () => false),
    undefined,
  );
});

const range = (name: string, cidr: string, ready?: string, deletionTimestamp?: string): ServiceCIDR => ({
  metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) },
  spec: { cidrs: [cidr, 'fd00::/112'] },
  ...(ready !== undefined && {
    status: { conditions: [{ type: 'Ready', status: ready, reason: '', message: '', lastTransitionTime: '' }] },
  }),
});

test('addresses are given of ready ranges that stay, and of the first one until its object is there', (t) => {
  const cidrs = (...ranges: ServiceCIDR[]): string[] => rangesOf(ranges, addresses).map(({ cidr }) => cidr);
  t.deepEqual(cidrs(), ['10.96.0.0/16']);
  t.deepEqual(cidrs(range('kubernetes', '10.96.0.0/16'), range('same', '10.96.0.0/16', 'True')), ['10.96.0.0/16']);
  t.deepEqual(cidrs(range('kubernetes', '10.0.0.0/24', 'True'), range('b', '10.1.0.0/24', 'False')), ['10.0.0.0/24']);
  t.deepEqual(cidrs(range('kubernetes', '10.0.0.0/24', 'True', '2026-01-01T00:00:00Z')), []);
  const stored = { key: '', revision: 1, bytes: Buffer.of(), object: range('kubernetes', '10.0.0.0/24') };
  const items = [stored];
  const live = liveRanges(() => items, addresses);
  t.is(live(), live());
});
