import test from 'ava';
import { allKinds, groupVersionPath } from '../../../../master/api/kinds.ts';
import { openApiRoutes } from '../../../../master/apiserver/http/openapi/routes.ts';
import { ask, serve } from './support.ts';

const routes = openApiRoutes(allKinds);

/** Every `$ref` in a document. */
function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, held]) =>
    key === '$ref' && typeof held === 'string' ? [held] : refsOf(held),
  );
}

test('each group version has a document, whose hash leads to the same document for good', async (t) => {
  const url = await serve(t, routes);
  const { body: index } = await ask(url, '/openapi/v3');
  t.deepEqual(
    Object.keys(index.paths).toSorted(),
    [...new Set(allKinds.map((kind) => groupVersionPath(kind).slice(1)))].toSorted(),
  );
  for (const { serverRelativeURL } of Object.values<{ serverRelativeURL: string }>(index.paths)) {
    const path = new URL(serverRelativeURL, url).pathname;
    // The tests' server routes by path; the hash is in the query.
    const { headers, body } = await ask(url, path);
    t.is(headers.get('etag'), `"${new URL(serverRelativeURL, url).searchParams.get('hash')}"`);
    t.is((await ask(url, path, { 'if-none-match': headers.get('etag') ?? '' })).status, 304);
    const schemas = new Set(Object.keys(body.components.schemas).map((name) => `#/components/schemas/${name}`));
    for (const ref of refsOf(body)) if (!schemas.has(ref)) t.fail(`${path} lacks ${ref}`);
  }
});

test('the document of everything holds all that it refers to, and names every kind', async (t) => {
  const url = await serve(t, routes);
  const { body } = await ask(url, '/openapi/v2');
  const definitions = new Set(Object.keys(body.definitions).map((name) => `#/definitions/${name}`));
  for (const ref of refsOf(body)) if (!definitions.has(ref)) t.fail(`the document lacks ${ref}`);
  const named = Object.values<Record<string, unknown>>(body.definitions).flatMap(
    (schema) => (schema['x-kubernetes-group-version-kind'] ?? []) as { group: string; kind: string }[],
  );
  for (const { group, kind } of allKinds) t.true(named.some((other) => other.group === group && other.kind === kind));
});

test('schemas say how fields are typed, described, required and merged', async (t) => {
  const url = await serve(t, routes);
  const { body } = await ask(url, '/openapi/v3/api/v1');
  const container = body.components.schemas['io.k8s.api.core.v1.Container'];
  t.deepEqual(container.required, ['name']);
  t.like(container.properties.ports, {
    type: 'array',
    'x-kubernetes-patch-merge-key': 'containerPort',
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
  });
  t.regex(container.properties.image.description, /^Container image name/);
  t.deepEqual(container.properties.livenessProbe.allOf, [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Probe' }]);
  const patch = body.paths['/api/v1/namespaces/{namespace}/pods/{name}/status'].patch;
  t.true('application/strategic-merge-patch+json' in patch.requestBody.content);
});

test('who takes nothing that there is gets 406', async (t) => {
  const url = await serve(t, routes);
  t.is((await ask(url, '/openapi/v2', { accept: 'application/xml' })).status, 406);
  t.is((await ask(url, '/openapi/v2', { accept: 'application/xml, */*;q=0.1' })).status, 200);
  const protobuf = await ask(url, '/openapi/v2', {
    accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
  });
  t.is(protobuf.headers.get('content-type'), 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
  t.true(protobuf.text.includes('io.k8s.api.core.v1.PodSpec'));
});
