import test from 'ava';
import type { Chains } from '../../../../node/proxy/iptables/chains.ts';
import { endpointChains } from '../../../../node/proxy/iptables/endpoint-chains.ts';
import { buildRules, type RuleOptions } from '../../../../node/proxy/iptables/rules.ts';
import type { Endpoint, ServicePortState } from '../../../../node/proxy/service-ports.ts';
import { servicePort } from '../../../support/service-port.ts';

const clusterCidr = '10.244.0.0/16';
const options: RuleOptions = { clusterCidr, spread: endpointChains({ clusterCidr, balance: 'nth' }) };

function endpoints(...addresses: string[]): Endpoint[] {
  return addresses.map((address) => ({ address, port: 8080, local: address.startsWith('10.244.1.') }));
}

const state = (changes: Partial<ServicePortState> = {}) =>
  servicePort({
    name: 'default/echo:http',
    endpoints: endpoints('10.244.1.2', '10.244.1.3', '10.244.2.2'),
    ...changes,
  });

/** The one chain of a kind, such as `SVC`. */
function chain(chains: Chains, kind: string): readonly string[] {
  const found = [...chains].filter(([name]) => name.startsWith(`KUBE-${kind}-`));
  if (found.length !== 1) throw new Error(`${found.length} chains of kind ${kind}`);
  return found[0]![1];
}

const matching = (rules: readonly string[] | undefined, text: string) =>
  rules?.filter((rule) => rule.includes(text)) ?? [];

test('each endpoint gets its turn: a share of three, of two, then the rest', (t) => {
  const { nat } = buildRules([state()], options);
  const turns = matching(chain(nat, 'SVC'), 'KUBE-SEP');
  t.regex(turns[0]!, /--mode nth --every 3 --packet 0 -j KUBE-SEP-/);
  t.regex(turns[1]!, /--mode nth --every 2 --packet 0 -j KUBE-SEP-/);
  t.regex(turns[2]!, /^-j KUBE-SEP-/);
});

test('at random, each endpoint is as likely as any other', (t) => {
  const { nat } = buildRules([state()], {
    ...options,
    spread: endpointChains({ clusterCidr, balance: 'random' }),
  });
  const probabilities = matching(chain(nat, 'SVC'), 'statistic').map((rule) =>
    Number(/--probability (\S+)/.exec(rule)?.[1]),
  );
  t.deepEqual(
    probabilities.map((value) => value.toFixed(4)),
    ['0.3333', '0.5000'],
  );
});

test('a connection to the cluster IP is sent to a pod, one from outside the pods under the address of this node', (t) => {
  const { nat } = buildRules([state({ endpoints: endpoints('10.244.2.2') })], options);
  t.is(matching(nat.get('KUBE-SERVICES'), '-m tcp -p tcp -d 10.96.0.5 --dport 80 -j KUBE-SVC-').length, 1);
  t.is(matching(chain(nat, 'SVC'), '! -s 10.244.0.0/16 -d 10.96.0.5').length, 1);
  t.deepEqual(chain(nat, 'SEP'), [
    '-s 10.244.2.2 -j KUBE-MARK-MASQ',
    '-m tcp -p tcp -j DNAT --to-destination 10.244.2.2:8080',
  ]);
});

test('UDP is matched as UDP', (t) => {
  const { nat } = buildRules([state({ protocol: 'UDP', endpoints: endpoints('10.244.2.2') })], options);
  t.is(matching(nat.get('KUBE-SERVICES'), '-m udp -p udp -d 10.96.0.5').length, 1);
  t.true(chain(nat, 'SEP')[1]!.startsWith('-m udp -p udp -j DNAT'));
});

test('without endpoints connections are refused at once, at every address', (t) => {
  const { nat, filter } = buildRules([state({ endpoints: [], nodePort: 30080, externalIps: ['192.0.2.1'] })], options);
  t.is(matching(filter.get('KUBE-SERVICES'), '-d 10.96.0.5 --dport 80 -j REJECT').length, 1);
  t.is(matching(filter.get('KUBE-EXTERNAL-SERVICES'), '-j REJECT').length, 2);
  t.is([...nat.keys()].filter((name) => /SVC|SEP|EXT/.test(name)).length, 0);
});

test('a node port answers on every address of the node, for pods on any node', (t) => {
  const { nat } = buildRules([state({ nodePort: 30080 })], options);
  t.is(matching(nat.get('KUBE-NODEPORTS'), '-m tcp -p tcp --dport 30080 -j KUBE-EXT-').length, 1);
  const [mark, next] = chain(nat, 'EXT');
  t.is(mark, '-j KUBE-MARK-MASQ');
  t.regex(next!, /^-j KUBE-SVC-/);
  t.true(
    nat.get('KUBE-SERVICES')?.at(-1)?.endsWith('--dst-type LOCAL -j KUBE-NODEPORTS'),
    'node ports are looked at last',
  );
});

test('with a local external policy outside clients keep their address and reach pods of this node only', (t) => {
  const { nat } = buildRules([state({ nodePort: 30080, externalLocal: true })], options);
  t.regex(chain(nat, 'EXT').at(-1)!, /^-j KUBE-SVL-/);
  t.is(matching(chain(nat, 'SVL'), '-j KUBE-SEP-').length, 2);
  t.is(matching(chain(nat, 'SVC'), '-j KUBE-SEP-').length, 3);
});

test('with a local policy and no local pod, traffic is dropped, not sent elsewhere', (t) => {
  const remote = endpoints('10.244.2.2');
  const { nat, filter } = buildRules(
    [state({ endpoints: remote, internalLocal: true, externalLocal: true, nodePort: 30080 })],
    options,
  );
  t.is(matching(filter.get('KUBE-SERVICES'), '-d 10.96.0.5 --dport 80 -j DROP').length, 1);
  t.is(matching(filter.get('KUBE-EXTERNAL-SERVICES'), '--dport 30080 -j DROP').length, 1);
  t.is(matching(nat.get('KUBE-SERVICES'), '10.96.0.5').length, 0);
});

test('a client with affinity goes back to its endpoint before any turn is taken', (t) => {
  const { nat } = buildRules([state({ affinitySeconds: 60, endpoints: endpoints('10.244.1.2') })], options);
  const rules = chain(nat, 'SVC');
  const recalled = rules.findIndex((rule) => rule.includes('--rcheck --seconds 60 --reap'));
  const turn = rules.findIndex((rule) => rule.startsWith('-j KUBE-SEP-'));
  t.true(recalled > 0 && recalled < turn);
  t.regex(chain(nat, 'SEP')[1]!, /-m recent --name KUBE-SEP-\w+ --set .*-j DNAT/);
});

test('what pods send out of the cluster leaves under the address of their node, once they have addresses', (t) => {
  t.deepEqual(buildRules([], options).nat.get('TRIMASTER-POSTROUTING'), []);
  const { nat } = buildRules([], { ...options, podCidr: '10.244.1.0/24' });
  t.regex(nat.get('TRIMASTER-POSTROUTING')![0]!, /^-s 10\.244\.1\.0\/24 ! -d 10\.244\.0\.0\/16 .*-j MASQUERADE$/);
});

test('chain names fit into iptables and differ by port and protocol', (t) => {
  const states = [state(), state({ protocol: 'UDP' }), state({ name: 'default/echo:other' })];
  const names = [...buildRules(states, options).nat.keys()].filter((name) => name.startsWith('KUBE-SVC-'));
  t.is(new Set(names).size, 3);
  t.true(names.every((name) => name.length <= 28));
});
