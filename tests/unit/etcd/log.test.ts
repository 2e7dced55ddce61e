import test from 'ava';
import { promisesNothing } from '../../../master/etcd/log.ts';

/** A record as etcd frames it: its kind and the fields 1 and 2 of what it says. */
function record(kind: number, first: number, second: number): Buffer {
  const said = Buffer.from([0x08, first, 0x10, second]);
  const body = Buffer.from([0x08, kind, 0x10, 7, 0x1a, said.length, ...said]);
  const padding = (8 - (body.length % 8)) % 8;
  const frame = Buffer.alloc(8);
  frame.writeUIntLE(body.length, 0, 6);
  if (padding > 0) frame[7] = 0x80 | padding;
  return Buffer.concat([frame, body, Buffer.alloc(padding)]);
}

const log = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, Buffer.alloc(64)]);
const [hardState, snapshot] = [3, 5];
const beginning = [record(4, 0, 0), record(snapshot, 0, 0), record(hardState, 1, 0)];

test('a log with the first term, no vote and no snapshot has promised nothing to anybody', (t) => {
  t.true(promisesNothing(log(...beginning)));
});

test('a later term, a vote or a snapshot is data', (t) => {
  t.false(promisesNothing(log(...beginning, record(hardState, 2, 0))));
  t.false(promisesNothing(log(...beginning, record(hardState, 1, 9))));
  t.false(promisesNothing(log(...beginning, record(snapshot, 4, 1))));
});

test('what cannot be read, or does not end, counts as data', (t) => {
  t.false(promisesNothing(Buffer.alloc(0)));
  t.false(promisesNothing(Buffer.concat(beginning)));
  t.false(promisesNothing(Buffer.concat(beginning).subarray(0, -3)));
  t.false(promisesNothing(log(...beginning, Buffer.from('something else, and quite long'))));
});
