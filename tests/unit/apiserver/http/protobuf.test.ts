import test from 'ava';
import { decodeProtobuf } from '../../../../master/apiserver/http/protobuf/decode.ts';
import { groupMessages, messages } from '../../../../master/apiserver/http/protobuf/messages.ts';

/** A field of protobuf's wire format: bytes or text (type 2), or a number (type 0). */
function field(number: number, value: string | number | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function envelope(apiVersion: string, kind: string, ...fields: Buffer[]): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, Buffer.concat(fields))]);
}

test('what kubectl 1.32 sends for `create configmap` is read', (t) => {
  const sent =
    '6b3873000a0f0a0276311209436f6e6669674d6170121c0a120a02633212001a0022002a0032003800420012060a01611201621a002200';
  t.deepEqual(decodeProtobuf(Buffer.from(sent, 'hex')), {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    object: { metadata: { name: 'c2' }, data: { a: 'b' } },
  });
});

test('zero stays where somebody chose it, and goes where nobody did', (t) => {
  const spec = Buffer.concat([field(1, 0), field(4, 0)]);
  const { object } = decodeProtobuf(envelope('v1', 'ReplicationController', field(2, spec)));
  t.deepEqual(object, { spec: { replicas: 0 } });
});

test('lists, maps, times, quantities, numbers or strings, bytes and inlined fields become JSON', (t) => {
  const port = Buffer.concat([field(3, 80), field(4, Buffer.concat([field(1, 1), field(2, 0), field(3, 'http')]))]);
  t.deepEqual(decodeProtobuf(envelope('v1', 'Service', field(2, field(1, port)))).object, {
    spec: { ports: [{ port: 80, targetPort: 'http' }] },
  });
  const time = field(1, Date.parse('2026-01-02T03:04:05Z') / 1000);
  t.deepEqual(decodeProtobuf(envelope('v1', 'Pod', field(1, field(8, time)))).object, {
    metadata: { creationTimestamp: '2026-01-02T03:04:05Z' },
  });
  const secret = Buffer.concat([field(1, 'k'), field(2, Buffer.from([0, 255]))]);
  t.deepEqual(decodeProtobuf(envelope('v1', 'Secret', field(2, secret))).object, { data: { k: 'AP8=' } });
  const emptyDir = field(2, field(2, Buffer.alloc(0)));
  const volume = Buffer.concat([field(1, 'v'), emptyDir]);
  t.deepEqual(decodeProtobuf(envelope('v1', 'Pod', field(2, field(1, volume)))).object, {
    spec: { volumes: [{ name: 'v', emptyDir: {} }] },
  });
});

test('negative numbers are as 64 bits have them', (t) => {
  const { object } = decodeProtobuf(envelope('v1', 'DeleteOptions', field(1, -1)));
  t.deepEqual(object, { gracePeriodSeconds: -1 });
});

test('a malformed body is an error and nothing worse', (t) => {
  const whole = envelope('v1', 'ConfigMap', field(1, field(1, 'c')));
  t.throws(() => decodeProtobuf(Buffer.from('{}')));
  t.throws(() => decodeProtobuf(envelope('v1', 'Unheard')));
  t.throws(() => decodeProtobuf(envelope('v1', 'toString')));
  for (let length = 5; length < whole.length; length += 1) {
    try {
      decodeProtobuf(whole.subarray(0, length));
    } catch (error) {
      t.true(error instanceof Error);
    }
  }
});

test('every message that a message holds is there', (t) => {
  const plain = 'string bytes int bool double Time MicroTime Quantity IntOrString Fields Raw'.split(' ');
  const known = new Set([...plain, ...Object.keys(messages)]);
  for (const [name, line] of Object.entries(messages)) {
    for (const entry of line.split(' ').filter(Boolean)) {
      const type = /^\w*=\d+:(?:\[\]|\{\})?([\w.]+)[?!]?$/.exec(entry)?.[1];
      t.true(type !== undefined && known.has(type), `${name}: ${entry}`);
    }
  }
  for (const name of Object.values(groupMessages)) t.true(known.has(name), name);
});
