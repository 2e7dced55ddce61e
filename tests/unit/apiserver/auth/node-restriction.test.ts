import test from 'ava';
import type { Pod } from '../../../../master/api/types.ts';
import { restrictNode } from '../../../../master/apiserver/auth/node-restriction.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';

const node = { name: 'system:node:node-1', groups: ['system:nodes'] };
const pods: Record<string, Pod> = {
  own: { spec: { nodeName: 'node-1', containers: [] } },
  foreign: { spec: { nodeName: 'node-2', containers: [] } },
};
const restrict = (user: { name: string; groups: string[] }, method: string, url: string): Promise<void> =>
  restrictNode(user, parseRequest(method, url), async (_namespace, name) => pods[name]);

test('a node writes its own node, lease and pods', async (t) => {
  await t.notThrowsAsync(restrict(node, 'PATCH', '/api/v1/nodes/node-1/status'));
  await t.notThrowsAsync(
    restrict(node, 'PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1'),
  );
  await t.notThrowsAsync(restrict(node, 'PATCH', '/api/v1/namespaces/a/pods/own/status'));
});

test("a node does not write another's", async (t) => {
  for (const [method, url] of [
    ['PATCH', '/api/v1/nodes/node-2/status'],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-2'],
    ['DELETE', '/api/v1/namespaces/a/pods/foreign'],
    ['DELETE', '/api/v1/namespaces/a/pods'],
  ] as const) {
    await t.throwsAsync(restrict(node, method, url), { message: /forbidden/ });
  }
});

test('who is in the group of nodes without the name of one writes nothing', async (t) => {
  const odd = { name: 'odd', groups: ['system:nodes'] };
  await t.throwsAsync(restrict(odd, 'PATCH', '/api/v1/nodes/node-1'), { message: /could not determine node/ });
});
