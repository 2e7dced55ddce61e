import test from 'ava';
import type { KubeObject, PersistentVolume, Pod } from '../../../../master/api/types.ts';
import { createAuthorizer } from '../../../../master/apiserver/auth/authorize.ts';
import { nodeGraph } from '../../../../master/apiserver/auth/node-graph.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import { objectKey } from '../../../../master/apiserver/store/keys.ts';
import { rolesWith, user } from './roles.ts';

const pod = (name: string, nodeName: string, spec: Partial<NonNullable<Pod['spec']>>): Pod => ({
  metadata: { namespace: 'a', name },
  spec: { nodeName, containers: [], ...spec },
});
const volume: PersistentVolume = { metadata: { name: 'pv' }, spec: { claimRef: { namespace: 'a', name: 'claim' } } };
const objects: [string, KubeObject][] = [
  ...[
    pod('one', 'node-1', {
      imagePullSecrets: [{ name: 'pull' }],
      containers: [
        {
          name: 'c',
          env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
          envFrom: [{ configMapRef: { name: 'from' } }],
        },
      ],
      volumes: [
        { name: 'v', secret: { secretName: 'mounted' } },
        { name: 'w', projected: { sources: [{ configMap: { name: 'projected' } }] } },
        { name: 'x', persistentVolumeClaim: { claimName: 'claim' } },
        { name: 'scratch', ephemeral: {} },
      ],
    }),
    pod('two', 'node-2', { volumes: [{ name: 'v', secret: { secretName: 'other' } }] }),
  ].map((object): [string, KubeObject] => [objectKey('pods', 'a', object.metadata?.name ?? ''), object]),
  [objectKey('persistentvolumes', undefined, 'pv'), volume],
];
const graph = nodeGraph((prefix) =>
  objects.filter(([key]) => key.startsWith(prefix)).map(([key, object]) => ({ key, object })),
);
const { allows, decide } = createAuthorizer(rolesWith(), graph);
const node = user('system:node:node-1', 'system:nodes');
const may = (url: string): boolean => allows(node, parseRequest('GET', url));

test('a node reads what its own pods name, and nothing that others name', (t) => {
  for (const name of ['pull', 'env', 'mounted']) t.true(may(`/api/v1/namespaces/a/secrets/${name}`), name);
  for (const name of ['from', 'projected']) t.true(may(`/api/v1/namespaces/a/configmaps/${name}`), name);
  for (const name of ['claim', 'one-scratch']) t.true(may(`/api/v1/namespaces/a/persistentvolumeclaims/${name}`), name);
  t.true(may('/api/v1/persistentvolumes/pv'));
  t.true(may('/api/v1/namespaces/a/secrets?watch=1&fieldSelector=metadata.name%3Dmounted'));
  t.false(may('/api/v1/namespaces/a/secrets/other'));
  t.false(may('/api/v1/namespaces/b/secrets/mounted'));
  t.false(may('/api/v1/namespaces/a/configmaps/mounted'));
  t.false(may('/api/v1/persistentvolumes/none'));
  t.false(may('/api/v1/namespaces/a/secrets'));
  t.false(may('/api/v1/secrets?watch=1'));
  t.true(may('/api/v1/services'));
});

test('a node reads its own pods only', (t) => {
  const own = 'fieldSelector=spec.nodeName%3Dnode-1';
  t.true(may(`/api/v1/pods?${own}`));
  t.true(may(`/api/v1/pods?watch=1&${own}%2Cstatus.phase!%3DFailed`));
  t.true(may('/api/v1/namespaces/a/pods/one'));
  t.true(may('/api/v1/namespaces/a/pods/not-there'), 'it may learn that a pod is gone');
  t.false(may('/api/v1/namespaces/a/pods/two'));
  t.false(may('/api/v1/pods'));
  t.false(may('/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-2'));
  t.false(may('/api/v1/pods?watch=1&fieldSelector=spec.nodeName!%3Dnode-1'));
});

test('a refusal says why', (t) => {
  const why = (url: string): string => decide(node, parseRequest('GET', url)).reason;
  t.is(why('/api/v1/namespaces/a/secrets/other'), "no relationship found between node 'node-1' and this object");
  t.is(why('/api/v1/namespaces/a/secrets'), 'can only list individual objects of this type');
  t.is(why('/api/v1/pods'), 'can only list/watch pods with spec.nodeName field selector');
  t.is(why('/api/v1/nodes'), "node 'node-1' cannot read all nodes, only its own Node object");
  t.is(why('/api/v1/nodes/node-2'), "node 'node-1' cannot read 'node-2', only its own Node object");
});
