import test from 'ava';
import type { KubeObject } from '../../../../../master/api/types.ts';
import { afterCreate, type Writing } from '../../../../../master/apiserver/registry/managed-fields/managers.ts';
import { shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';

const writing: Writing = {
  manager: 'kubectl-create',
  kind: { group: '', version: 'v1' },
  subresource: undefined,
  now: '2026-01-01T00:00:00Z',
};

const server = { name: 'a', namespace: 'b', uid: 'u', creationTimestamp: writing.now, generation: 1 };

function fieldsOf(type: { group: string; kind: string }, object: object, ownStatus = true): unknown {
  const kind = { ...type, version: 'v1' };
  const apiVersion = kind.group === '' ? 'v1' : `${kind.group}/v1`;
  const whole = { apiVersion, kind: kind.kind, ...object } as KubeObject;
  const [entry] = afterCreate(shapeOf(kind), whole, { ...writing, kind }, ownStatus);
  return entry?.fieldsV1;
}

test('the creator has maps and their entries, and not what only the server says', (t) => {
  const map = { metadata: { ...server, labels: { z: '1', a: '2' } }, data: { b: '1' }, immutable: false };
  t.deepEqual(fieldsOf({ group: '', kind: 'ConfigMap' }, map), {
    'f:data': { '.': {}, 'f:b': {} },
    'f:immutable': {},
    'f:metadata': { 'f:labels': { '.': {}, 'f:a': {}, 'f:z': {} } },
  });
});

test('items of lists are told apart by their keys, and selectors are one value', (t) => {
  const ports = [
    { port: 80, protocol: 'UDP', targetPort: 8080 },
    { port: 80, targetPort: 'web' },
  ];
  const service = { metadata: server, spec: { selector: { app: 'x' }, ports, type: 'ClusterIP' } };
  t.deepEqual(fieldsOf({ group: '', kind: 'Service' }, service), {
    'f:spec': {
      'f:ports': {
        '.': {},
        'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:targetPort': {} },
        'k:{"port":80,"protocol":"UDP"}': { '.': {}, 'f:port': {}, 'f:protocol': {}, 'f:targetPort': {} },
      },
      'f:selector': {},
      'f:type': {},
    },
  });
});

test('what an empty object has already is nobody’s, what is new is the creator’s itself', (t) => {
  const container = { name: 'c', image: 'i', resources: {}, env: [{ name: 'A', value: 'b' }] };
  const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container], securityContext: {} } };
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } };
  const spec = { replicas: 1, selector: { matchLabels: { app: 'x' } }, strategy, template };
  t.deepEqual(fieldsOf({ group: 'apps', kind: 'Deployment' }, { metadata: server, spec }), {
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {},
              'f:env': { '.': {}, 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
              'f:image': {},
              'f:name': {},
              'f:resources': {},
            },
          },
          'f:securityContext': {},
        },
      },
    },
  });
});

test('a status that has a path of its own is not the creator’s', (t) => {
  const pod = { metadata: server, spec: { nodeName: 'n' }, status: { phase: 'Running' } };
  t.deepEqual(fieldsOf({ group: '', kind: 'Pod' }, pod), { 'f:spec': { 'f:nodeName': {} } });
  t.deepEqual(fieldsOf({ group: '', kind: 'Pod' }, pod, false), {
    'f:spec': { 'f:nodeName': {} },
    'f:status': { 'f:phase': {} },
  });
});
