/**
 * Reads as much of a member's write-ahead log as tells a member that has been in a cluster with a leader from one that has not.
 *
 * Before a member answers a candidate or takes a leader's entries it writes the new term into its log, and waits until that is on
 * disk (raft's hard state). So one whose log knows no term but that of its own beginning has promised nothing to anybody.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The term of the entries that a new member begins with: those that name the members of its configuration. */
const firstTerm = 1n;
/** A log that is longer than this has seen a leader: what a new member writes are a few hundred bytes. */
const looksAtBytes = 64 * 1024;
const records = { hardState: 3n, snapshot: 5n } as const;

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
      if (!content || numberOf(content, 1) > firstTerm || numberOf(content, 2) !== 0n) return false;
    }
    if (record.get(1) === records.snapshot && (!content || numberOf(content, 1) !== 0n)) return false;
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

type Fields = ReadonlyMap<number, bigint | Buffer>;

const numberOf = (fields: Fields, field: number): bigint => {
  const value = fields.get(field);
  return typeof value === 'bigint' ? value : 0n;
};

/** The fields of a message of protocol buffers by their numbers: numbers and bytes, as a log has no others. Undefined: it is none. */
function fieldsOf(message: Buffer): Fields | undefined {
  const fields = new Map<number, bigint | Buffer>();
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  };
  while (at < message.length) {
    const key = varint();
    const value = varint();
    if (key === undefined || value === undefined) return undefined;
    const [field, wireType] = [Number(key >> 3n), key & 7n];
    if (wireType === 0n) fields.set(field, value);
    else if (wireType === 2n) {
      const end = at + Number(value);
      if (end > message.length) return undefined;
      fields.set(field, message.subarray(at, end));
      at = end;
    } else return undefined;
  }
  return fields;
}
