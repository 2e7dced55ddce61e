/**
 * Reads as much of a member's write-ahead log as tells a member that has been in a cluster with a leader from one that has not.
 *
 * Before a member answers a candidate or takes a leader's entries it writes the new term into its log, and waits until that is on
 * disk (raft's hard state). So one whose log knows no term but that of its own beginning has promised nothing to anybody.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { Wire } from '../api/protobuf-wire.ts';

/** The term of the entries that a new member begins with: those that name the members of its configuration. */
const firstTerm = 1;
/** A log that is longer than this has seen a leader: what a new member writes are a few hundred bytes. */
const looksAtBytes = 64 * 1024;
const records = { hardState: 3, snapshot: 5 } as const;

/** The names of the log's segments and of what etcd prepares beside them; none where there is no log. */
export function logFiles(dataDir: string): string[] {
  try {
    return readdirSync(join(dataDir, 'member', 'wal'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** True where there is a log, and it shows that its member never voted and never had a leader. What cannot be read counts as data. */
export function neverHadLeader(dataDir: string): boolean {
  const segments = logFiles(dataDir).filter((file) => file.endsWith('.wal'));
  const [first] = segments;
  if (first === undefined || segments.length > 1 || !/^0+-0+\.wal$/.test(first)) return false;
  return promisesNothing(beginningOf(join(dataDir, 'member', 'wal', first)));
}

/**
 * The pure part. A segment is a row of records, each after its length (64 bits, little-endian, the uppermost byte says how many bytes
 * fill it up to a multiple of eight); zeros follow the last one. etcd: server/wal/encoder.go, walpb/record.proto.
 */
export function promisesNothing(log: Buffer): boolean {
  let at = 0;
  while (at + 8 <= log.length) {
    const frame = log.readBigUInt64LE(at);
    if (frame === 0n) return true;
    const length = Number(frame & 0x00ff_ffff_ffff_ffffn);
    const padding = frame >> 63n === 1n ? Number((frame >> 56n) & 0x7fn) : 0;
    const record = fieldsOf(log.subarray(at + 8, at + 8 + length));
    at += 8 + length + padding;
    if (at > log.length || !record) return false;
    const data = record.get(3);
    const content = Buffer.isBuffer(data) ? fieldsOf(data) : undefined;
    // A member's term and vote; a snapshot's index.
    if (record.get(1) === records.hardState) {
      if (!content || ![0, firstTerm].includes(numberOf(content, 1)) || numberOf(content, 2) !== 0) return false;
    }
    if (record.get(1) === records.snapshot && (!content || numberOf(content, 1) !== 0)) return false;
  }
  return false;
}

function beginningOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(looksAtBytes);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

type Fields = ReadonlyMap<number, number | Buffer>;

const numberOf = (fields: Fields, field: number): number => {
  const value = fields.get(field);
  return typeof value === 'number' ? value : 0;
};

/** The fields of a message by their numbers: numbers and bytes, as a log has no others. Undefined: it is none. */
function fieldsOf(message: Buffer): Fields | undefined {
  const fields = new Map<number, number | Buffer>();
  const wire = new Wire(message);
  try {
    while (!wire.done) {
      const { number, wireType } = wire.tag();
      fields.set(number, wireType === 0 ? wire.integer() : wire.bytes(wireType));
    }
    return fields;
  } catch {
    return undefined;
  }
}
