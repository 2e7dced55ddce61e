/**
 * The JSON of a plain list: the bytes that the store has of its objects, joined.
 *
 * A list that many ask for while nothing in it changes is joined once and kept; what is kept is bounded, and goes with the
 * state that it shows. Any other is joined while it is sent, piece by piece.
 */
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { ListResult } from '../registry/context.ts';
import type { Stored } from '../store/types.ts';
import { listMeta } from './lists.ts';

/** As much as is given to a connection at once: enough to be cheap, and quickly done. */
const pieceBytes = 256 * 1024;
/** Shorter lists are joined as quickly as they are found here. */
const keptFromBytes = 64 * 1024;
const longestKeptBytes = 8 * 1024 * 1024;
const allKeptBytes = 24 * 1024 * 1024;

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

/** What is copied of a kept list, to go out together with its head. */
const firstBytes = 16 * 1024;

export class ListBody {
  readonly #head: Buffer;
  readonly #items: readonly Stored[];
  readonly #shared: boolean;
  /** Of the items and the list's end. */
  readonly #restLength: number;

  constructor(kind: Kind, result: ListResult) {
    const listKind = kind.listKind ?? `${kind.kind}List`;
    this.#head = Buffer.from(
      `{"kind":"${listKind}","apiVersion":"${apiVersionOf(kind)}","metadata":${listMeta(result)},"items":[`,
    );
    this.#items = result.items;
    this.#shared = result.shared ?? false;
    this.#restLength = kept.get(result.items)?.length ?? lengthOf(result.items);
  }

  /** In bytes. */
  get length(): number {
    return this.#head.length + this.#restLength;
  }

  whole(): Buffer {
    return Buffer.concat([...this.pieces()], this.length);
  }

  /** The bytes in pieces of about 256 KiB. They may be shared: never write into them. */
  pieces(): Generator<Buffer, undefined> {
    const rest = this.#shared ? keptRest(this.#items, this.#restLength) : undefined;
    return rest ? slices(this.#head, rest) : joins(this.#head, this.#items);
  }
}

function* slices(head: Buffer, rest: Buffer): Generator<Buffer, undefined> {
  yield Buffer.concat([head, rest.subarray(0, firstBytes)]);
  for (let at = firstBytes; at < rest.length; at += pieceBytes) yield rest.subarray(at, at + pieceBytes);
}

function* joins(head: Buffer, items: readonly Stored[]): Generator<Buffer, undefined> {
  let parts = [head];
  let length = head.length;
  let first = true;
  for (const { bytes } of items) {
    if (first) first = false;
    else parts.push(comma);
    parts.push(bytes);
    length += bytes.length;
    if (length < pieceBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    length = 0;
  }
  parts.push(listEnd);
  yield Buffer.concat(parts);
}

function lengthOf(items: readonly Stored[]): number {
  let length = Math.max(0, items.length - 1) + listEnd.length;
  for (const { bytes } of items) length += bytes.length;
  return length;
}

interface Kept {
  readonly length: number;
  /** Absent as long as the list was asked for once only. */
  joined?: Buffer;
}

const kept = new WeakMap<readonly Stored[], Kept>();
/** Those whose bytes are kept, the oldest first. Nothing here holds them. */
let keeping: WeakRef<readonly Stored[]>[] = [];

/** The joined items of a list that is asked for again, with the list's end; undefined for one that is new or too long to keep. */
function keptRest(items: readonly Stored[], length: number): Buffer | undefined {
  if (length < keptFromBytes || length > longestKeptBytes) return undefined;
  const known = kept.get(items);
  if (!known) {
    kept.set(items, { length });
    return undefined;
  }
  if (!known.joined) {
    known.joined = Buffer.concat([...joins(Buffer.alloc(0), items)], length);
    keeping.push(new WeakRef(items));
    dropOldest();
  }
  return known.joined;
}

function dropOldest(): void {
  const live: (readonly Stored[])[] = [];
  for (const ref of keeping) {
    const items = ref.deref();
    if (items) live.push(items);
  }
  let sum = live.reduce((total, items) => total + (kept.get(items)?.length ?? 0), 0);
  while (sum > allKeptBytes) {
    const oldest = live.shift();
    if (!oldest) break;
    sum -= kept.get(oldest)?.length ?? 0;
    kept.delete(oldest);
  }
  keeping = live.map((items) => new WeakRef(items));
}
