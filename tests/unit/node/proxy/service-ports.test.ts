import test from 'ava';
import type { EndpointSlice, Service } from '../../../../master/api/types.ts';
import { servicePorts } from '../../../../node/proxy/service-ports.ts';

function service(spec: NonNullable<Service['spec']>, metadata: Service['metadata'] = {}): Service {
  const defaults = { clusterIP: '10.96.0.5', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] };
  return { metadata: { namespace: 'default', name: 'echo', ...metadata }, spec: { ...defaults, ...spec } };
}

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number];

function slice(endpoints: SliceEndpoint[], ports = [{ name: 'http', port: 8080, protocol: 'TCP' }]): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': 'echo' };
  return { metadata: { namespace: 'default', name: 'echo-x', labels }, addressType: 'IPv4', endpoints, ports };
}

const addresses = (services: Service[], slices: EndpointSlice[]) =>
  servicePorts(services, slices, 'node-1').map((state) =>
    state.endpoints.map(({ address, port }) => `${address}:${port}`),
  );

test('a port goes to the ready endpoints of all slices of its Service, each once', (t) => {
  const slices = [
    slice([
      { addresses: ['10.244.1.3'], nodeName: 'node-1' },
      { addresses: ['10.244.1.2'], conditions: { ready: true } },
    ]),
    slice([
      { addresses: ['10.244.1.3'], nodeName: 'node-1' },
      { addresses: ['10.244.2.2'], conditions: { ready: false } },
    ]),
  ];
  t.deepEqual(addresses([service({})], slices), [['10.244.1.2:8080', '10.244.1.3:8080']]);
});

test('endpoints that terminate take connections only while nobody else can', (t) => {
  const leaving = { addresses: ['10.244.1.2'], conditions: { ready: false, serving: true, terminating: true } };
  const gone = { addresses: ['10.244.1.4'], conditions: { ready: false, serving: false, terminating: true } };
  const ready = { addresses: ['10.244.1.3'], conditions: { ready: true } };
  t.deepEqual(addresses([service({})], [slice([leaving, gone])]), [['10.244.1.2:8080']]);
  t.deepEqual(addresses([service({})], [slice([leaving, gone, ready])]), [['10.244.1.3:8080']]);
});

test('an endpoint is local on its own node', (t) => {
  const slices = [
    slice([
      { addresses: ['10.244.1.2'], nodeName: 'node-1' },
      { addresses: ['10.244.2.2'], nodeName: 'node-2' },
    ]),
  ];
  const [state] = servicePorts([service({})], slices, 'node-1');
  t.deepEqual(
    state?.endpoints.map(({ local }) => local),
    [true, false],
  );
});

test('TCP and UDP of the same number are two ports', (t) => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' },
  ];
  const slices = [slice([{ addresses: ['10.244.1.2'] }], ports)];
  const states = servicePorts([service({ ports })], slices, 'node-1');
  t.deepEqual(
    states.map(({ name, protocol }) => `${name} ${protocol}`),
    ['default/echo:dns UDP', 'default/echo:dns-tcp TCP'],
  );
  t.true(states.every(({ endpoints }) => endpoints.length === 1));
});

test('headless Services, ExternalNames and those of another proxy are left alone', (t) => {
  const labels = { 'service.kubernetes.io/service-proxy-name': 'other' };
  const others = [service({ clusterIP: 'None' }), service({ type: 'ExternalName' }), service({}, { labels })];
  t.deepEqual(servicePorts(others, [], 'node-1'), []);
});

test('affinity lasts three hours unless the Service says how long', (t) => {
  const affinity = (spec: Service['spec']) => servicePorts([service(spec ?? {})], [], 'node-1')[0]?.affinitySeconds;
  t.is(affinity({}), undefined);
  t.is(affinity({ sessionAffinity: 'ClientIP' }), 10_800);
  t.is(affinity({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }), 60);
});
