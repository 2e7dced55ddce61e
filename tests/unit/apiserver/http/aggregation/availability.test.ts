import test from 'ava';
import type { EndpointSlice, Endpoints, Service } from '../../../../../master/api/types.ts';
import type { Objects } from '../../../../../master/apiserver/admission/objects.ts';
import { missingServer } from '../../../../../master/apiserver/http/aggregation/availability.ts';
import { endpointsOf } from '../../../../../master/apiserver/http/service-endpoints.ts';

const wanted = { namespace: 'ns', name: 'ext', port: 443 };
const service: Service = { spec: { type: 'ClusterIP', ports: [{ name: 'https', port: 443 }] } };
const endpoints: Endpoints = { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'https', port: 8443 }] }] };

test('what is missing behind a Service is said in the words of Kubernetes', (t) => {
  const say = (...of: [Service?, Endpoints?]) => {
    const { reason, message } = missingServer(wanted, ...([of[0], of[1]] as const)) ?? {};
    return reason && `${reason}: ${message}`;
  };
  t.is(say(), 'ServiceNotFound: service/ext in "ns" is not present');
  t.is(say({ spec: { ports: [{ port: 80 }] } }), 'ServicePortError: service/ext in "ns" is not listening on port 443');
  t.is(say(service), 'EndpointsNotFound: cannot find endpointslices for service/ext in "ns"');
  t.is(
    say(service, { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 8443 }] }] }),
    'MissingEndpoints: endpointslices for service/ext in "ns" have no addresses with port name "https"',
  );
  t.is(say(service, endpoints), undefined);
  t.is(say({ spec: { type: 'ExternalName', externalName: 'ext.example.com' } }), undefined);
});

test('endpoints are those of the slices that are ready, and those written by hand where there are no slices', async (t) => {
  const slice: EndpointSlice = {
    metadata: { name: 'ext-1', labels: { 'kubernetes.io/service-name': 'ext' } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.0.0.2'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: 'a', namespace: 'ns' } },
      { addresses: ['10.0.0.3'], conditions: { ready: false } },
    ],
    ports: [{ name: 'https', port: 8443 }],
  };
  const other: EndpointSlice = { ...slice, metadata: { name: 'other', labels: { 'kubernetes.io/service-name': 'b' } } };
  const objects = (slices: EndpointSlice[]) =>
    ({ get: async () => endpoints, list: async () => slices }) as unknown as Objects;
  t.deepEqual(await endpointsOf(objects([other, slice]), 'ns', 'ext'), {
    subsets: [
      {
        addresses: [{ ip: '10.0.0.2', targetRef: { kind: 'Pod', name: 'a', namespace: 'ns' } }],
        ports: [{ name: 'https', port: 8443 }],
      },
    ],
  });
  t.is(await endpointsOf(objects([other]), 'ns', 'ext'), endpoints);
});
