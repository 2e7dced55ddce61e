import test from 'ava';
import { staleFlows } from '../../../../node/proxy/iptables/conntrack.ts';
import type { ServicePortState } from '../../../../node/proxy/service-ports.ts';

function state(addresses: string[], changes: Partial<ServicePortState> = {}): ServicePortState {
  return {
    name: 'default/dns',
    protocol: 'UDP',
    clusterIp: '10.96.0.10',
    port: 53,
    nodePort: undefined,
    externalIps: [],
    affinitySeconds: undefined,
    internalLocal: false,
    externalLocal: false,
    endpoints: addresses.map((address) => ({ address, port: 53, local: true })),
    ...changes,
  };
}

test('UDP flows to an endpoint that is gone are forgotten', (t) => {
  t.deepEqual(staleFlows([state(['10.244.1.2', '10.244.1.3'])], [state(['10.244.1.3'])]), [
    ['-D', '-p', 'udp', '--orig-dst', '10.96.0.10', '--dst-nat', '10.244.1.2'],
  ]);
});

test('UDP flows of a Service that is gone are forgotten, on its node port too', (t) => {
  const flows = staleFlows([state(['10.244.1.2'], { nodePort: 30053 })], []);
  t.deepEqual(flows.at(-1), ['-D', '-p', 'udp', '--orig-port-dst', '30053', '--dst-nat', '10.244.1.2']);
  t.is(flows.length, 2);
});

test('flows from before the first endpoint are forgotten', (t) => {
  t.deepEqual(staleFlows([state([])], [state(['10.244.1.2'])]), [['-D', '-p', 'udp', '--orig-dst', '10.96.0.10']]);
});

test('TCP is left to its own end', (t) => {
  t.deepEqual(staleFlows([state(['10.244.1.2'], { protocol: 'TCP' })], []), []);
});
