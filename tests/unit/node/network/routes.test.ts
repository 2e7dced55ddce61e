import test from 'ava';
import { parseRoutes, routeChanges, wantedRoutes } from '../../../../node/network/routes.ts';

function node(name: string, podCIDR: string | undefined, address: string | undefined) {
  const addresses = address ? [{ type: 'InternalIP', address }] : [];
  return { metadata: { name }, spec: { podCIDR }, status: { addresses } };
}

test('every other node that has addresses is routed to, not this one', (t) => {
  const nodes = [
    node('node-1', '10.244.0.0/24', '172.18.0.5'),
    node('node-2', '10.244.1.0/24', '172.18.0.6'),
    node('node-3', undefined, '172.18.0.7'),
    node('node-4', '10.244.3.0/24', undefined),
  ];
  t.deepEqual([...wantedRoutes(nodes, 'node-1')], [['10.244.1.0/24', '172.18.0.6']]);
});

test('only what differs is changed: a node that came back elsewhere, and one that is gone', (t) => {
  const present = parseRoutes('10.244.1.0/24 via 172.18.0.6 dev eth0 \n10.244.2.0/24 via 172.18.0.7 dev eth0 \n');
  const wanted = new Map([
    ['10.244.1.0/24', '172.18.0.9'],
    ['10.244.3.0/24', '172.18.0.8'],
  ]);
  t.deepEqual(
    routeChanges(present, wanted).map((words) => words.join(' ')),
    [
      'route del 10.244.2.0/24 proto 77',
      'route replace 10.244.1.0/24 via 172.18.0.9 proto 77',
      'route replace 10.244.3.0/24 via 172.18.0.8 proto 77',
    ],
  );
  t.deepEqual(routeChanges(wanted, wanted), []);
});
