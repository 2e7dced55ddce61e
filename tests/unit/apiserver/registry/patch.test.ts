import test from 'ava';
import { StatusError } from '../../../../master/api/errors.ts';
import type { KubeObject } from '../../../../master/api/types.ts';
import { applyPatch } from '../../../../master/apiserver/registry/patch/apply.ts';
import { type ObjectShape, shapeOf } from '../../../../master/apiserver/registry/schema/shape.ts';

const core = (kind: string): ObjectShape => shapeOf({ group: '', version: 'v1', kind });
const podShape = core('Pod');
const nodeShape = core('Node');
const serviceShape = core('Service');

type Kind = 'json' | 'merge' | 'strategic';

const patched = (type: Kind, original: unknown, patch: unknown, shape: ObjectShape = podShape): KubeObject =>
  applyPatch({ type, patch }, JSON.stringify(original), shape);

const strategic = (original: unknown, patch: unknown, shape?: ObjectShape): KubeObject =>
  patched('strategic', original, patch, shape);

test('a merge patch merges objects, replaces lists and deletes with null', (t) => {
  const original = { metadata: { labels: { a: '1', b: '2' }, finalizers: ['x/y'] } };
  t.deepEqual(patched('merge', original, { metadata: { labels: { a: null, c: '3' }, finalizers: ['z/w'] } }), {
    metadata: { labels: { b: '2', c: '3' }, finalizers: ['z/w'] },
  });
});

test('a merge patch drops the nulls of what it adds', (t) => {
  t.deepEqual(patched('merge', {}, { a: { b: null, c: 1 } }) as unknown, { a: { c: 1 } });
});

test('a field named __proto__ is data to a patch', (t) => {
  const result = patched('merge', {}, JSON.parse('{"metadata": {"labels": {"__proto__": "x"}}}'));
  t.deepEqual(Object.keys(result.metadata?.labels ?? {}), ['__proto__']);
  t.is(Object.getPrototypeOf({}), Object.prototype);
});

test('a JSON patch applies its operations in order', (t) => {
  const operations = [
    { op: 'test', path: '/metadata/name', value: 'a' },
    { op: 'add', path: '/metadata/labels', value: { x: '1' } },
    { op: 'replace', path: '/metadata/labels/x', value: '2' },
  ];
  t.deepEqual(patched('json', { metadata: { name: 'a' } }, operations), {
    metadata: { name: 'a', labels: { x: '2' } },
  });
});

test('a JSON patch whose test fails or whose path is missing is unprocessable', (t) => {
  for (const operation of [
    { op: 'test', path: '/metadata/name', value: 'b' },
    { op: 'remove', path: '/metadata/labels/x' },
    { op: 'replace', path: '/spec/none', value: 1 },
    { op: 'frobnicate', path: '/metadata/name' },
    { path: '/metadata/name' },
    { op: 'remove' },
  ]) {
    const error = t.throws(() => patched('json', { metadata: { name: 'a' } }, [operation]), {
      instanceOf: StatusError,
    });
    t.is(error.code, 422);
    t.is(error.message, 'the server rejected our request due to an error in our request');
  }
});

test('a patch of the wrong shape is a bad request', (t) => {
  t.is(t.throws(() => patched('json', {}, { op: 'add' }), { instanceOf: StatusError }).code, 400);
  t.is(t.throws(() => patched('merge', {}, []), { instanceOf: StatusError }).code, 400);
  t.is(t.throws(() => strategic({}, 'text'), { instanceOf: StatusError }).code, 400);
});

const twoContainers = {
  spec: {
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y:1' },
    ],
  },
};

test('a strategic merge patch finds containers by name and keeps the others', (t) => {
  t.deepEqual(strategic(twoContainers, { spec: { containers: [{ name: 'b', image: 'y:2' }] } }) as unknown, {
    spec: {
      containers: [
        { name: 'a', image: 'x:1' },
        { name: 'b', image: 'y:2' },
      ],
    },
  });
});

test('a strategic merge patch adds an item with a new key at the end', (t) => {
  t.deepEqual(strategic(twoContainers, { spec: { containers: [{ name: 'c', image: 'z:1' }] } }) as unknown, {
    spec: { containers: [...twoContainers.spec.containers, { name: 'c', image: 'z:1' }] },
  });
});

test('$patch: delete removes the item of that key', (t) => {
  t.deepEqual(strategic(twoContainers, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }) as unknown, {
    spec: { containers: [{ name: 'b', image: 'y:1' }] },
  });
});

test('$patch: replace replaces a list or an object as a whole', (t) => {
  t.deepEqual(
    strategic(twoContainers, { spec: { containers: [{ name: 'z', image: 'z' }, { $patch: 'replace' }] } }) as unknown,
    { spec: { containers: [{ name: 'z', image: 'z' }] } },
  );
  t.deepEqual(
    strategic(
      { spec: { nodeSelector: { a: '1' } } },
      { spec: { nodeSelector: { $patch: 'replace', b: '2' } } },
    ) as unknown,
    {
      spec: { nodeSelector: { b: '2' } },
    },
  );
});

test('$setElementOrder puts items in the order of the client and leaves those it does not know in their place', (t) => {
  const original = { spec: { containers: [{ name: 'a' }, { name: 'server' }, { name: 'b' }] } };
  const patch = {
    spec: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }, { name: 'b' }], containers: [{ name: 'c' }] },
  };
  t.deepEqual(strategic(original, patch) as unknown, {
    spec: { containers: [{ name: 'c' }, { name: 'a' }, { name: 'server' }, { name: 'b' }] },
  });
});

test('finalizers are a set: a patch adds, and $deleteFromPrimitiveList removes', (t) => {
  const original = { metadata: { finalizers: ['a/x', 'b/x'] } };
  t.deepEqual(strategic(original, { metadata: { finalizers: ['c/x', 'a/x'] } }), {
    metadata: { finalizers: ['a/x', 'b/x', 'c/x'] },
  });
  t.deepEqual(strategic(original, { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/x'] } }), {
    metadata: { finalizers: ['b/x'] },
  });
});

test('$retainKeys drops the other sources of a volume', (t) => {
  const original = { spec: { volumes: [{ name: 'v', emptyDir: {} }] } };
  const volume = { name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } };
  t.deepEqual(strategic(original, { spec: { volumes: [volume] } }) as unknown, {
    spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] },
  });
});

test('taints and tolerations are replaced as a whole, service ports merge by port, conditions by type', (t) => {
  const taints = { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } };
  t.deepEqual(strategic(taints, { spec: { taints: [] } }, nodeShape) as unknown, { spec: { taints: [] } });
  const service = {
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'b' },
      ],
    },
  };
  t.deepEqual(strategic(service, { spec: { ports: [{ port: 81, nodePort: 30001 }] } }, serviceShape) as unknown, {
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'b', nodePort: 30001 },
      ],
    },
  });
  const node = {
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'DiskPressure', status: 'False' },
      ],
    },
  };
  t.deepEqual(
    strategic(node, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }, nodeShape) as unknown,
    {
      status: {
        conditions: [
          { type: 'Ready', status: 'Unknown' },
          { type: 'DiskPressure', status: 'False' },
        ],
      },
    },
  );
});

test('an item without its merge key, and an unknown directive, are refused', (t) => {
  const noKey = t.throws(() => strategic(twoContainers, { spec: { containers: [{ image: 'x' }] } }), {
    instanceOf: StatusError,
  });
  t.is(noKey.code, 422);
  t.is(noKey.message, 'map: map[image:x] does not contain declared merge key: name');
  const explode = t.throws(() => strategic({}, { $patch: 'explode' }), { instanceOf: StatusError });
  t.is(explode.code, 400);
  t.is(explode.message, 'unknown patch type: explode in map: map[$patch:explode]');
  const retained = { spec: { volumes: [{ name: 'v', $retainKeys: ['name'], configMap: { name: 'c' } }] } };
  t.is(t.throws(() => strategic({}, retained), { instanceOf: StatusError }).code, 422);
  t.is(t.throws(() => strategic(twoContainers, { spec: { containers: [7] } }), { instanceOf: StatusError }).code, 400);
});
