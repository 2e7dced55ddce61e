import test from 'ava';
import type { Service } from '../../../../../master/api/types.ts';
import { serviceWarnings } from '../../../../../master/apiserver/registry/validation/service-warnings.ts';

const warned = (spec: Service['spec'], metadata: Service['metadata'] = {}): string[] =>
  serviceWarnings({ metadata, spec });

test('a Service is warned of what is deprecated or means nothing beside the rest', (t) => {
  const plain = { type: 'ClusterIP', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'], sessionAffinity: 'None' };
  t.deepEqual(warned(plain), []);
  t.deepEqual(warned({ ...plain, externalIPs: ['192.0.2.1'] }), [
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  ]);
  const headless = { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'] };
  t.deepEqual(
    warned({ ...headless, externalIPs: ['192.0.2.1'], loadBalancerIP: '192.0.2.2', sessionAffinity: 'ClientIP' }),
    [
      'spec.loadBalancerIP is ignored for headless services',
      'spec.externalIPs is ignored for headless services',
      'spec.SessionAffinity is ignored for headless services',
    ],
  );
  t.deepEqual(warned({ type: 'ExternalName', externalName: 'a.example', externalIPs: ['192.0.2.1'] }), [
    'spec.externalIPs is ignored when spec.type is "ExternalName"',
  ]);
  t.deepEqual(warned({ ...plain, externalName: 'a.example', trafficDistribution: 'PreferClose' }), [
    'spec.externalName is ignored when spec.type is not "ExternalName"',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ]);
});

test('addresses in an unusual form and old annotations are warned of', (t) => {
  const annotations = { 'service.kubernetes.io/topology-aware-hints': 'auto' };
  t.deepEqual(
    warned({ type: 'LoadBalancer', loadBalancerIP: '2001:DB8:0::1', clusterIPs: ['fd00::1'] }, { annotations }),
    [
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
      'spec.loadBalancerIP: IPv6 address "2001:DB8:0::1" should be in RFC 5952 canonical format ("2001:db8::1")',
    ],
  );
});
