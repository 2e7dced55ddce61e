import test from 'ava';
import type { KubeObject } from '../../../../master/api/types.ts';
import {
  encodeValue,
  storedFromEncoded,
  storedFromValue,
  tokenOf,
  withRevision,
} from '../../../../master/apiserver/store/value.ts';

const pod: KubeObject & { data: object } = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name: 'a', namespace: 'ü', resourceVersion: '5' },
  data: { text: '"metadata":{"resourceVersion":"' },
};

test('a value written and read is the same object under the new revision, byte for byte as the writer answers it', (t) => {
  const encoded = encodeValue(pod);
  const answered = storedFromEncoded('/k', encoded, 1234);
  const read = storedFromValue('/k', Buffer.from(encoded.text), 1234);
  t.deepEqual(read.bytes, answered.bytes);
  t.deepEqual(read.object, { ...pod, metadata: { ...pod.metadata, resourceVersion: '1234' } });
  t.deepEqual(JSON.parse(read.bytes.toString()), read.object);
});

test('the same object under another revision differs only in its resourceVersion, however long that is', (t) => {
  const stored = storedFromEncoded('/k', encodeValue(pod), 99);
  const later = withRevision(stored, 1_000_000);
  t.is(later.object.metadata?.resourceVersion, '1000000');
  t.deepEqual(withRevision(later, 99).bytes, stored.bytes);
});

test('the writer’s object is not changed by being written', (t) => {
  const object = structuredClone(pod);
  encodeValue(object);
  t.deepEqual(object, pod);
});

test('no two writes have the same token, and a value tells its own', (t) => {
  const [first, second] = [encodeValue(pod), encodeValue(pod)];
  t.not(first.token, second.token);
  t.is(tokenOf(Buffer.from(first.text)), first.token);
  t.is(tokenOf(Buffer.from('7')), '');
});

test('an object that somebody else put into etcd is given its resourceVersion', (t) => {
  const stored = storedFromValue('/k', Buffer.from('{"kind":"ConfigMap","metadata":{"name":"a"},"data":{"b":"c"}}'), 8);
  t.is(stored.object.metadata?.resourceVersion, '8');
  t.deepEqual(JSON.parse(stored.bytes.toString()), stored.object);
});

test('a value that is no object stays as it is', (t) => {
  for (const text of ['10.96.0.5', '{', '{"plain":true}', '']) {
    const stored = storedFromValue('/k', Buffer.from(text), 8);
    t.is(stored.bytes.toString(), text);
    t.deepEqual(stored.object, {});
    t.is(withRevision(stored, 9).revision, 9);
  }
});
