/**
 * Objects as text in etcd, and back.
 *
 * The text in etcd begins with kind, apiVersion and `"metadata":{"resourceVersion":"<token>"`. The token is unique to the
 * write, so a value that is found says who wrote it; when the value is read, the token's place takes the revision. So
 * an object's answer is made from its stored text by copying, never by writing the whole JSON again.
 */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../../api/types.ts';
import { isSealed } from './sealing/sealing.ts';
import type { Stored } from './types.ts';

const slotStart = '"metadata":{"resourceVersion":"';
const slotStartBytes = Buffer.from(slotStart);
const quote = 0x22;
const openingBrace = 0x7b;

/** An object's text as it goes to etcd. */
export interface EncodedValue {
  readonly text: string;
  readonly token: string;
  readonly slot: number;
}

const writer = randomBytes(5).toString('hex');
let writes = 0;

/** A text that no other write of any process has. */
export function newToken(): string {
  writes += 1;
  return `~${writer}-${writes.toString(36)}`;
}

/** The text of an object for etcd. Its resourceVersion, if it has one, is left out. */
export function encodeValue(object: KubeObject, token = newToken()): EncodedValue {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, ...meta } = metadata ?? {};
  const text = JSON.stringify({ kind, apiVersion, metadata: { resourceVersion: token, ...meta }, ...rest });
  return { text, token, slot: text.indexOf(slotStart) + slotStart.length };
}

/** What a write that succeeded at this revision has stored. */
export function storedFromEncoded(key: string, { text, token, slot }: EncodedValue, revision: number): Stored {
  const before = Buffer.byteLength(text.slice(0, slot));
  const digits = String(revision);
  const bytes = Buffer.from(`${text.slice(0, slot)}${digits}${text.slice(slot + token.length)}`);
  return new StoredValue(key, revision, bytes, before, digits.length);
}

/** What was read: the value is copied, so the message that it came in is not kept alive. */
export function storedFromValue(key: string, value: Buffer, revision: number): Stored {
  const found = value.indexOf(slotStartBytes);
  if (found < 0) return storedFromForeign(key, value, revision);
  const slot = found + slotStartBytes.length;
  return splice(key, value, slot, value.indexOf(quote, slot) - slot, revision);
}

/** The same object under another revision: for a deletion's last state. */
export function withRevision(stored: Stored, revision: number): Stored {
  if (!(stored instanceof StoredValue) || stored.slot < 0) return storedFromValue(stored.key, stored.bytes, revision);
  return splice(stored.key, stored.bytes, stored.slot, stored.slotLength, revision);
}

/** The token that a value in etcd carries; '' for a value that the store did not write. */
export function tokenOf(value: Buffer): string {
  const found = value.indexOf(slotStartBytes);
  if (found < 0) return '';
  const slot = found + slotStartBytes.length;
  return value.toString('latin1', slot, value.indexOf(quote, slot));
}

function splice(key: string, source: Buffer, slot: number, length: number, revision: number): Stored {
  const digits = String(revision);
  // Unpooled: a shared slab would be kept alive by the one long-lived object in it.
  const bytes = Buffer.allocUnsafeSlow(source.length - length + digits.length);
  source.copy(bytes, 0, 0, slot);
  bytes.write(digits, slot, 'latin1');
  source.copy(bytes, slot + digits.length, slot + length);
  return new StoredValue(key, revision, bytes, slot, digits.length);
}

/** A value that somebody else put into etcd: given the shape of our own if it is an object, kept as it is otherwise. */
function storedFromForeign(key: string, value: Buffer, revision: number): Stored {
  const object = value[0] === openingBrace ? parseObject(value) : undefined;
  if (object?.metadata === undefined) return new StoredValue(key, revision, Buffer.from(value), -1, 0);
  return storedFromEncoded(key, encodeValue(object), revision);
}

function parseObject(bytes: Buffer): KubeObject | undefined {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

class StoredValue implements Stored {
  readonly key: string;
  readonly revision: number;
  readonly bytes: Buffer;
  /** Where in `bytes` the resourceVersion's digits are; -1 where there is none. */
  readonly slot: number;
  readonly slotLength: number;
  #object: KubeObject | undefined;

  constructor(key: string, revision: number, bytes: Buffer, slot: number, slotLength: number) {
    this.key = key;
    this.revision = revision;
    this.bytes = bytes;
    this.slot = slot;
    this.slotLength = slotLength;
  }

  get sealed(): boolean {
    return this.slot < 0 && isSealed(this.bytes);
  }

  /** Parsed when first asked for: many objects are only ever passed on as bytes. */
  get object(): KubeObject {
    this.#object ??= this.slot < 0 ? {} : (parseObject(this.bytes) ?? {});
    return this.#object;
  }
}
