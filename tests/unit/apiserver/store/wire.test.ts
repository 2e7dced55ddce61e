import { createRequire } from 'node:module';
import test from 'ava';
import {
  decodeRange,
  decodeStatus,
  decodeTxn,
  decodeWatch,
  encodeRange,
  encodeTxn,
  encodeWatchCreate,
  encodeWatchProgress,
} from '../../../../master/apiserver/store/wire.ts';

// The reference is the generic codec that etcd3 itself uses, over etcd's own message definitions.
const require = createRequire(import.meta.url);
const etcd3 = require.resolve('etcd3');
const protoLoader = createRequire(etcd3)('@grpc/proto-loader');
const definitions = protoLoader.loadSync(`${etcd3.slice(0, etcd3.lastIndexOf('/lib/'))}/proto/rpc.proto`, {
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: false,
});
const kv = definitions['etcdserverpb.KV'];
const maintenance = definitions['etcdserverpb.Maintenance'];
const watch = definitions['etcdserverpb.Watch'].Watch;

/** Without the codec's own classes, so that it compares with literals. */
function plain(message: unknown): unknown {
  if (Buffer.isBuffer(message) || typeof message !== 'object' || message === null) return message;
  if (Array.isArray(message)) return message.map(plain);
  return Object.fromEntries(Object.entries(message).map(([name, value]) => [name, plain(value)]));
}

test('requests mean to etcd what they say', (t) => {
  t.deepEqual(
    plain(
      kv.Range.requestDeserialize(
        encodeRange({ key: 'a', rangeEnd: 'b', limit: 300, revision: 2 ** 40, keysOnly: true }),
      ),
    ),
    { key: Buffer.from('a'), range_end: Buffer.from('b'), limit: 300, revision: 2 ** 40, keys_only: true },
  );
  const request = encodeTxn({
    compare: [
      { key: 'ä', modRevision: 0 },
      { key: 'fence', value: '7' },
    ],
    success: [
      { type: 'put', key: 'ä', value: 'x'.repeat(70_000) },
      { type: 'delete', key: 'old' },
    ],
    failure: [
      { type: 'range', key: 'ä' },
      { type: 'range', key: 'fence', keysOnly: true },
    ],
  });
  t.deepEqual(plain(kv.Txn.requestDeserialize(request)), {
    compare: [
      { target: 'Mod', key: Buffer.from('ä'), mod_revision: 0 },
      { target: 'Value', key: Buffer.from('fence'), value: Buffer.from('7') },
    ],
    success: [
      { request_put: { key: Buffer.from('ä'), value: Buffer.from('x'.repeat(70_000)) } },
      { request_delete_range: { key: Buffer.from('old'), prev_kv: true } },
    ],
    failure: [
      { request_range: { key: Buffer.from('ä') } },
      { request_range: { key: Buffer.from('fence'), keys_only: true } },
    ],
  });
  t.deepEqual(plain(watch.requestDeserialize(encodeWatchCreate(129))), {
    create_request: { key: Buffer.from('\0'), range_end: Buffer.from('\0'), start_revision: 129, fragment: true },
  });
  t.deepEqual(plain(watch.requestDeserialize(encodeWatchProgress())), { progress_request: {} });
});

const header = {
  cluster_id: '14841639068965178418',
  member_id: '10276657743932975437',
  revision: 1_000_000,
  raft_term: 2,
};
const keyValue = {
  key: Buffer.from('k'),
  create_revision: 1,
  mod_revision: 2 ** 33,
  version: 3,
  value: Buffer.from('v'),
  lease: '-5',
};
const expectedKeyValue = { key: 'k', revision: 2 ** 33, value: Buffer.from('v') };

test('answers of etcd are read, whatever else stands in them', (t) => {
  const range = decodeRange(kv.Range.responseSerialize({ header, kvs: [keyValue, keyValue], more: true, count: 9 }));
  t.is(range.header.revision, 1_000_000);
  t.true(range.more);
  t.deepEqual(range.kvs, [expectedKeyValue, expectedKeyValue]);
  const txn = decodeTxn(
    kv.Txn.responseSerialize({
      header,
      succeeded: true,
      responses: [
        { response_put: { header } },
        { response_delete_range: { header, deleted: 1, prev_kvs: [keyValue] } },
        { response_range: { header, kvs: [], count: 0 } },
        { response_range: { header, kvs: [keyValue], count: 1 } },
      ],
    }),
  );
  t.true(txn.succeeded);
  t.deepEqual(txn.found, [undefined, expectedKeyValue, undefined, expectedKeyValue]);
});

test('events of a watch are read, and answers without events too', (t) => {
  const response = decodeWatch(
    watch.responseSerialize({
      header,
      watch_id: '-1',
      fragment: true,
      events: [{ kv: keyValue }, { type: 'Delete', kv: { key: Buffer.from('k'), mod_revision: 7 } }],
    }),
  );
  t.deepEqual(
    response.events.map(({ type, kv: { key, revision } }) => [type, key, revision]),
    [
      ['put', 'k', 2 ** 33],
      ['delete', 'k', 7],
    ],
  );
  t.true(response.fragment);
  t.like(decodeWatch(watch.responseSerialize({ header, canceled: true, compact_revision: 5, cancel_reason: 'why' })), {
    canceled: true,
    compactRevision: 5,
    cancelReason: 'why',
    events: [],
  });
});

test('clusters are told apart by their whole identifier', (t) => {
  const idOf = (cluster_id: string) =>
    decodeRange(kv.Range.responseSerialize({ header: { ...header, cluster_id } })).header.clusterId;
  t.is(idOf('14841639068965178418'), idOf('14841639068965178418'));
  t.not(idOf('14841639068965178418'), idOf('14841639068965178419'));
});

test('how a member is: its sizes, and each alarm once', (t) => {
  const errors = ['memberID:1 alarm:NOSPACE ', 'memberID:2 alarm:NOSPACE ', 'etcdserver: no leader'];
  const answer = { version: '3.5.16', dbSize: 2 ** 33, leader: 7, errors, dbSizeInUse: 2 ** 32 };
  t.deepEqual(decodeStatus(maintenance.Status.responseSerialize(answer)), {
    dbSize: 2 ** 33,
    dbSizeInUse: 2 ** 32,
    alarms: ['NOSPACE'],
  });
});
