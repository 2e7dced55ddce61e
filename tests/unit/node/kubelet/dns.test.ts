import test from 'ava';
import type { PodSpec } from '../../../../master/api/types.ts';
import {
  fullNameOf,
  kernelHostname,
  parseResolvConf,
  resolvConfOf,
  resolverOf,
} from '../../../../node/kubelet/pods/dns.ts';
import { podWith } from './pods.ts';

const ofNode = parseResolvConf(
  '# made by hand\nsearch old.example\nsearch corp.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions timeout:1\n',
);
const cluster = { domain: 'cluster.local', servers: ['10.96.0.10'] };

const conf = (spec: Partial<PodSpec>, servers = cluster.servers, node: typeof ofNode | undefined = ofNode): string => {
  const { resolver } = resolverOf(podWith(spec), node, { ...cluster, servers });
  return resolver ? resolvConfOf(resolver) : 'the engine’s';
};
const ofCluster =
  'search default.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n';
const asNode = 'search corp.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions timeout:1\n';

test('a pod asks the cluster’s DNS first, and the node’s where its policy says so or there is no other', (t) => {
  t.is(conf({}), ofCluster);
  t.is(conf({ dnsPolicy: 'ClusterFirst' }), ofCluster);
  t.is(conf({ dnsPolicy: 'ClusterFirst', hostNetwork: true }), asNode);
  t.is(conf({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }), ofCluster);
  t.is(conf({ dnsPolicy: 'Default' }), asNode);
  t.is(conf({ dnsPolicy: 'ClusterFirst' }, []), asNode);
  const { resolver } = resolverOf(podWith(), undefined, { ...cluster, servers: [] });
  t.is(resolver, undefined);
});

test('a pod’s own configuration is added, and its options take the place of those with their name', (t) => {
  const dnsConfig = {
    nameservers: ['192.0.2.9', '10.96.0.10'],
    searches: ['mine.example', 'corp.example'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  t.is(
    conf({ dnsConfig }),
    'search default.svc.cluster.local svc.cluster.local cluster.local corp.example mine.example\n' +
      'nameserver 10.96.0.10\nnameserver 192.0.2.9\noptions ndots:2 edns0\n',
  );
  t.is(
    conf({ dnsPolicy: 'None', dnsConfig }),
    'search mine.example corp.example\nnameserver 192.0.2.9\nnameserver 10.96.0.10\noptions ndots:2 edns0\n',
  );
});

test('of too many nameservers and domains the first are used, and it is said', (t) => {
  const nameservers = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
  const searches = Array.from({ length: 33 }, (_, i) => `d${i}`);
  const found = resolverOf(podWith({ dnsPolicy: 'None', dnsConfig: { nameservers, searches } }), undefined, cluster);
  t.is(found.resolver?.nameservers.length, 3);
  t.is(found.resolver?.searches.length, 32);
  t.is(found.warnings.length, 2);
  t.regex(found.warnings[0] ?? '', /the applied nameserver line is: 192\.0\.2\.1 192\.0\.2\.2 192\.0\.2\.3$/);
});

test('a pod with a subdomain has a full name, and calls itself so if it is asked to and the name is short enough', (t) => {
  const spec = { hostname: 'web-0', subdomain: 'web' };
  const full = 'web-0.web.default.svc.cluster.local';
  t.is(fullNameOf(podWith(spec), 'cluster.local'), full);
  t.is(kernelHostname(podWith(spec), 'cluster.local'), 'web-0');
  t.is(kernelHostname(podWith({ ...spec, setHostnameAsFQDN: true }), 'cluster.local'), full);
  t.is(kernelHostname(podWith({ setHostnameAsFQDN: true }), 'cluster.local'), 'pod');
  t.is(kernelHostname(podWith({ ...spec, hostnameOverride: 'other' }), 'cluster.local'), 'other');
  t.throws(
    () => kernelHostname(podWith({ ...spec, hostname: 'x'.repeat(60), setHostnameAsFQDN: true }), 'cluster.local'),
    {
      message: /is too long \(64 characters is the max, 90 characters requested\)$/,
    },
  );
});
