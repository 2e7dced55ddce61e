import test from 'ava';
import { allKinds } from '../../../../master/api/kinds.ts';
import { discoveryRoutes } from '../../../../master/apiserver/http/discovery.ts';
import { ask, serve } from './support.ts';

test('every row of the table of kinds is discovered, in both forms', async (t) => {
  const url = await serve(t, discoveryRoutes(allKinds));
  const whole = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
  const found: string[] = [];
  for (const root of ['/api', '/apis']) {
    const { body, headers } = await ask(url, root, { accept: whole });
    t.is(headers.get('content-type'), 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    for (const group of body.items) {
      for (const version of group.versions) {
        for (const resource of version.resources) found.push(`${group.metadata.name ?? ''}/${resource.resource}`);
      }
    }
  }
  t.deepEqual(found.sort(), allKinds.map(({ group, resource }) => `${group}/${resource}`).sort());

  const { body: core } = await ask(url, '/api/v1');
  const pods = core.resources.find(({ name }: { name: string }) => name === 'pods');
  t.like(pods, { kind: 'Pod', namespaced: true, singularName: 'pod', shortNames: ['po'], categories: ['all'] });
  t.like(
    core.resources.find(({ name }: { name: string }) => name === 'replicationcontrollers/scale'),
    { kind: 'Scale', group: 'autoscaling', version: 'v1' },
  );
  const { body: groups } = await ask(url, '/apis');
  t.is(groups.kind, 'APIGroupList');
});

test('who knows the aggregated document by its ETag is told that it has not changed', async (t) => {
  const url = await serve(t, discoveryRoutes(allKinds));
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { headers } = await ask(url, '/api', { accept });
  const again = await fetch(`${url}/api`, { headers: { accept, 'if-none-match': headers.get('etag') ?? '' } });
  t.is(again.status, 304);
});

test('what its server does not answer for is listed as stale, and not there by itself', async (t) => {
  const stale = [{ group: 'ext.example.com', version: 'v1', kinds: [] }];
  const url = await serve(t, discoveryRoutes(allKinds, stale));
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { body } = await ask(url, '/apis', { accept });
  const found = body.items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === 'ext.example.com');
  t.deepEqual(found.versions, [{ version: 'v1', resources: [], freshness: 'Stale' }]);
  t.is(body.items[0].versions[0].freshness, 'Current');
  t.is((await ask(url, '/apis/ext.example.com/v1')).status, 503);
});
