import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { makeApiSchema } from '../../../compose/api-schema.ts';

const root = join(import.meta.dirname, '../../..');

test('the schema that is in use is the one that the package gives, and small', (t) => {
  const to = mkdtempSync(join(tmpdir(), 'api-schema-'));
  t.teardown(() => rmSync(to, { recursive: true }));
  makeApiSchema(join(root, 'node_modules/@kubernetes/client-node'), to);
  for (const file of ['types.json', 'descriptions.json']) {
    t.true(readFileSync(join(to, file)).equals(readFileSync(join(root, '.cache/api-schema', file))), file);
  }
  const { types } = JSON.parse(readFileSync(join(to, 'types.json'), 'utf8'));
  t.true(JSON.stringify(types).length < 200_000);
  t.true(Object.keys(types).length > 500);
});

test('a type belongs to the group that Kubernetes puts it in', (t) => {
  const { types } = JSON.parse(readFileSync(join(root, '.cache/api-schema/types.json'), 'utf8'));
  const names = [
    ...['core.v1.Container', 'core.v1.Event', 'events.v1.Event', 'apps.v1.Deployment', 'autoscaling.v1.Scale'],
    ...['policy.v1.Eviction', 'authentication.v1.TokenRequest', 'rbac.v1.ClusterRole', 'meta.v1.ObjectMeta'],
    ...['apiextensions.v1.JSONSchemaProps', 'discovery.v1.EndpointSlice', 'core.v1.TopologySelectorTerm'],
  ];
  for (const name of names) t.true(name in types, name);
  t.regex(types['core.v1.ContainerPort'], /^containerPort=int32! hostIP=string hostPort=int32 /);
});
