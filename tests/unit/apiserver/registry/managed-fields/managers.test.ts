import test from 'ava';
import type { StatusError } from '../../../../../master/api/errors.ts';
import type { KubeObject } from '../../../../../master/api/types.ts';
import {
  afterFirstApply,
  afterUpdate,
  applied,
  type Writing,
} from '../../../../../master/apiserver/registry/managed-fields/managers.ts';
import { shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';

type Json = Record<string, unknown>;

const shape = shapeOf({ group: '', version: 'v1', kind: 'Pod' });
const kind = { group: '', version: 'v1' };
const by = (manager: string, now = '2026-01-01T00:00:00Z'): Writing => ({ manager, kind, subresource: undefined, now });

const pod = (spec: Json, metadata: Json = {}): KubeObject =>
  ({ metadata: { name: 'a', ...metadata }, spec }) as KubeObject;

/** The object that the first apply of this makes. */
function first(config: KubeObject, manager: string): KubeObject {
  const managedFields = afterFirstApply(shape, config, by(manager));
  return { ...config, metadata: { ...config.metadata, managedFields } };
}

function apply(live: KubeObject, config: KubeObject, manager: string, force = false): KubeObject {
  const { object, entries } = applied(shape, live, config, by(manager), force);
  return { ...object, metadata: { ...object.metadata, managedFields: entries } };
}

function update(live: KubeObject, object: KubeObject, manager: string): KubeObject {
  const managedFields = afterUpdate(shape, live, object, by(manager));
  return { ...object, metadata: { ...object.metadata, managedFields } };
}

const specOf = (object: KubeObject): Json => (object as unknown as { spec: Json }).spec;

/** `manager operation` → its fields. */
const managed = (object: KubeObject): Record<string, unknown> =>
  Object.fromEntries(
    (object.metadata?.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [
      `${manager} ${operation}`,
      fieldsV1,
    ]),
  );

const conflictOf = (t: { throws: (f: () => unknown) => unknown }, f: () => unknown): StatusError =>
  t.throws(f) as StatusError;

test('who applies manages what the configuration says, item by item', (t) => {
  const live = first(
    pod(
      { hostname: 'x', containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] },
      { labels: { a: 'b' } },
    ),
    'one',
  );
  t.deepEqual(managed(live), {
    'one Apply': {
      'f:metadata': { 'f:labels': { 'f:a': {} } },
      'f:spec': {
        'f:containers': {
          'k:{"name":"c"}': {
            '.': {},
            'f:image': {},
            'f:name': {},
            'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
          },
        },
        'f:hostname': {},
      },
    },
  });
});

test('two who apply different fields share an object, and one’s items stay when the other leaves its own out', (t) => {
  let live = first(pod({ containers: [{ name: 'c', image: 'i' }], hostname: 'x' }), 'one');
  live = apply(live, pod({ containers: [{ name: 'd', image: 'j' }] }, { labels: { b: 'c' } }), 'two');
  t.deepEqual(specOf(live).containers, [
    { name: 'c', image: 'i' },
    { name: 'd', image: 'j' },
  ]);
  live = apply(live, pod({ containers: [{ name: 'c', image: 'i' }] }), 'one');
  t.deepEqual(specOf(live), {
    containers: [
      { name: 'c', image: 'i' },
      { name: 'd', image: 'j' },
    ],
  });
  live = apply(live, pod({}), 'two');
  t.deepEqual(specOf(live).containers, [{ name: 'c', image: 'i' }]);
  t.deepEqual(live.metadata?.labels ?? {}, {});
  t.deepEqual(managed(live)['two Apply'], { 'f:spec': {} });
});

test('applying the same again changes nothing, and another value for the same is a conflict that names manager and field', (t) => {
  const live = first(pod({ hostname: 'x', subdomain: 's', containers: [{ name: 'c', image: 'i' }] }), 'one');
  t.deepEqual(
    apply(live, pod({ hostname: 'x', subdomain: 's', containers: [{ name: 'c', image: 'i' }] }), 'one'),
    live,
  );
  // The same value is no conflict: both manage it.
  t.deepEqual(Object.keys(managed(apply(live, pod({ hostname: 'x' }), 'two'))), ['one Apply', 'two Apply']);

  const one = conflictOf(t, () => apply(live, pod({ hostname: 'y' }), 'two'));
  t.is(one.code, 409);
  t.is(one.message, 'Apply failed with 1 conflict: conflict with "one": .spec.hostname');
  t.like(one.status.details?.causes?.[0], { reason: 'FieldManagerConflict', field: '.spec.hostname' });
  const more = conflictOf(t, () => apply(live, pod({ hostname: 'y', containers: [{ name: 'c', image: 'j' }] }), 'two'));
  t.is(
    more.message,
    'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.containers[name="c"].image\n- .spec.hostname',
  );

  const forced = apply(live, pod({ hostname: 'y' }), 'two', true);
  t.is(specOf(forced).hostname, 'y');
  const owner = managed(forced) as Record<string, { 'f:spec': Json }>;
  t.false('f:hostname' in (owner['one Apply']?.['f:spec'] ?? {}));
  t.true('f:hostname' in (owner['two Apply']?.['f:spec'] ?? {}));
});

test('an ordinary write takes what it changes, and an apply over it is a conflict', (t) => {
  const live = first(pod({ hostname: 'x', containers: [{ name: 'c', image: 'i' }] }), 'one');
  const edited = update(
    live,
    pod({ hostname: 'y', containers: [{ name: 'c', image: 'i' }], subdomain: 's' }),
    'editor',
  );
  t.deepEqual(managed(edited)['editor Update'], { 'f:spec': { 'f:hostname': {}, 'f:subdomain': {} } });
  const refused = conflictOf(t, () =>
    apply(edited, pod({ hostname: 'x', containers: [{ name: 'c', image: 'i' }] }), 'one'),
  );
  t.is(refused.message, 'Apply failed with 1 conflict: conflict with "editor" using v1: .spec.hostname');
  // What somebody else has put there is not taken away by an apply that never said it.
  t.is(specOf(apply(edited, pod({ containers: [{ name: 'c', image: 'i' }] }), 'one')).subdomain, 's');
  // A field that a write takes away is managed by nobody.
  const without = update(edited, pod({ containers: [{ name: 'c', image: 'i' }] }), 'other');
  t.deepEqual(Object.keys(managed(without)), ['one Apply']);
});

test('what was there before the first apply has a manager too', (t) => {
  const live = pod({ hostname: 'x', containers: [{ name: 'c', image: 'i' }] });
  const refused = conflictOf(t, () => apply(live, pod({ hostname: 'y' }), 'one'));
  t.is(refused.message, 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .spec.hostname');
  t.deepEqual(Object.keys(managed(apply(live, pod({ subdomain: 's' }), 'one'))), [
    'one Apply',
    'before-first-apply Update',
  ]);
});

test('kubectl takes along what it applied by itself before', (t) => {
  const annotations = {
    'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(pod({ hostname: 'x' })),
  };
  const live = pod({ hostname: 'x', subdomain: 's' }, { annotations });
  t.is(specOf(apply(live, pod({ hostname: 'y' }), 'kubectl')).hostname, 'y');
  conflictOf(t, () => apply(live, pod({ hostname: 'y' }), 'someone'));
  conflictOf(t, () => apply(live, pod({ subdomain: 'z' }), 'kubectl'));
});

test('a list or map that is one value is managed as one', (t) => {
  const live = first(pod({ nodeSelector: { a: 'b' }, tolerations: [{ key: 'k' }] }), 'one');
  t.deepEqual(managed(live)['one Apply'], { 'f:spec': { 'f:nodeSelector': {}, 'f:tolerations': {} } });
  const refused = conflictOf(t, () => apply(live, pod({ nodeSelector: { c: 'd' } }), 'two'));
  t.regex(refused.message, /\.spec\.nodeSelector$/);
  t.deepEqual(specOf(apply(live, pod({ nodeSelector: { c: 'd' } }), 'two', true)).nodeSelector, { c: 'd' });
});

test('what was applied within a struct goes with it when nobody else says anything there', (t) => {
  let live = first(pod({ securityContext: { runAsUser: 1 }, dnsConfig: { nameservers: ['x'] } }), 'one');
  live = update(
    live,
    pod({ securityContext: { runAsUser: 1, fsGroup: 2 }, dnsConfig: { nameservers: ['x'] } }),
    'other',
  );
  t.deepEqual(specOf(apply(live, pod({}), 'one')), { securityContext: { fsGroup: 2 } });
});

test('many who write are told apart up to a number', (t) => {
  let live = first(pod({ hostname: 'x' }), 'one');
  for (let writer = 0; writer < 30; writer++) {
    const labels = { ...live.metadata?.labels, [`l${writer}`]: 'x' };
    const entries = afterUpdate(
      shape,
      live,
      pod(specOf(live), { labels }),
      by(`w${writer}`, `2026-01-01T00:00:${10 + writer}Z`),
    );
    live = pod(specOf(live), { labels, managedFields: entries });
  }
  const names = Object.keys(managed(live));
  t.is(names.length, 11);
  t.true(names.includes('ancient-changes Update'));
  t.true(names.includes('w29 Update'));
  t.deepEqual(
    Object.keys(
      (managed(live)['ancient-changes Update'] as { 'f:metadata': { 'f:labels': object } })['f:metadata']['f:labels'],
    ).length,
    22,
  );
});

test('managed fields that somebody broke are read as far as they make sense', (t) => {
  const live = pod(
    { hostname: 'x' },
    { managedFields: [{ manager: 'm', operation: 'Update', fieldsV1: { 'k:{': {}, x: 1 } }] },
  );
  t.is(specOf(apply(live, pod({ hostname: 'y' }), 'one')).hostname, 'y');
});

test('an item without its key is a bad request', (t) => {
  const refused = conflictOf(t, () => first(pod({ containers: [{ image: 'i' }] }), 'one'));
  t.is(refused.code, 400);
  t.regex(refused.message, /omits key field "name"/);
});
