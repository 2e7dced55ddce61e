/**
 * The JSON of a plain list: the bytes that the store has of its objects, joined. As in Kubernetes the items of a built-in kind do not
 * say what kind they are, which the list says for all: in the store's bytes kind and version come first, and those are left out.
 *
 * A list that many ask for while nothing in it changes is joined once and kept; what is kept is bounded, and goes with the
 * state that it shows. Any other is joined while it is sent, piece by piece.
 */
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { ListResult } from '../registry/context.ts';
import { isCustomKind } from '../registry/custom/strategy.ts';
import type { Stored } from '../store/types.ts';
import { listMeta } from './lists.ts';

/** As much as is given to a connection at once: enough to be cheap, and quickly done. */
const pieceBytes = 256 * 1024;
/** Shorter lists are joined as quickly as they are found here. */
const keptFromBytes = 64 * 1024;
const longestKeptBytes = 8 * 1024 * 1024;
const allKeptBytes = 24 * 1024 * 1024;

const comma = 0x2c;
const openingBrace = 0x7b;
const quote = 0x22;
/** How `"metadata"` goes on after its quote. */
const firstOfMetadata = 0x6d;
const listEnd = Buffer.from(']}\n');

const noHead = Buffer.alloc(0);

/** What is copied of a kept list, to go out together with its head. */
const firstBytes = 16 * 1024;

export class ListBody {
  readonly #head: Buffer;
  readonly #items: readonly Stored[];
  readonly #shared: boolean;
  readonly #typeLength: number;
  /** Of the items and the list's end. */
  readonly #restLength: number;

  constructor(kind: Kind, result: ListResult) {
    const listKind = kind.listKind ?? `${kind.kind}List`;
    const apiVersion = apiVersionOf(kind);
    this.#head = Buffer.from(
      `{"kind":"${listKind}","apiVersion":"${apiVersion}","metadata":${listMeta(result)},"items":[`,
    );
    this.#typeLength = isCustomKind(kind) ? 0 : `"kind":"${kind.kind}","apiVersion":"${apiVersion}",`.length;
    this.#items = result.items;
    this.#shared = result.shared ?? false;
    this.#restLength = kept.get(result.items)?.length ?? lengthOf(result.items, this.#typeLength);
  }

  /** In bytes. */
  get length(): number {
    return this.#head.length + this.#restLength;
  }

  whole(): Buffer {
    const pieces = [...this.pieces()];
    return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, this.length);
  }

  /** The bytes in pieces of about 256 KiB. They may be shared: never write into them. */
  pieces(): Generator<Buffer, undefined> {
    const rest = this.#shared ? keptRest(this.#items, this.#typeLength, this.#restLength) : undefined;
    return rest ? slices(this.#head, rest) : joins(this.#head, this.#items, this.#typeLength);
  }
}

function* slices(head: Buffer, rest: Buffer): Generator<Buffer, undefined> {
  yield Buffer.concat([head, rest.subarray(0, firstBytes)]);
  for (let at = firstBytes; at < rest.length; at += pieceBytes) yield rest.subarray(at, at + pieceBytes);
}

/** Each piece is made at once in its own length: cheaper than parts that are cut first and joined then. */
function* joins(head: Buffer, items: readonly Stored[], typeLength: number): Generator<Buffer, undefined> {
  let next = 0;
  do {
    const first = next;
    let length = first === 0 ? head.length : 0;
    for (; next < items.length && length < pieceBytes; next++) {
      const { bytes } = items[next]!;
      length += bytes.length - skipped(bytes, typeLength) + (next > 0 ? 1 : 0);
    }
    const isLast = next === items.length;
    const piece = Buffer.allocUnsafe(length + (isLast ? listEnd.length : 0));
    let at = first === 0 ? head.copy(piece) : 0;
    for (let index = first; index < next; index++) {
      const { bytes } = items[index]!;
      if (index > 0) piece[at++] = comma;
      piece[at++] = openingBrace;
      at += bytes.copy(piece, at, 1 + skipped(bytes, typeLength));
    }
    if (isLast) listEnd.copy(piece, at);
    yield piece;
  } while (next < items.length);
}

/** How many bytes after an item's first are its kind and version: none where something else stands there. */
const skipped = (bytes: Buffer, typeLength: number): number =>
  bytes[typeLength] === comma && bytes[typeLength + 1] === quote && bytes[typeLength + 2] === firstOfMetadata
    ? typeLength
    : 0;

function lengthOf(items: readonly Stored[], typeLength: number): number {
  let length = Math.max(0, items.length - 1) + listEnd.length;
  for (const { bytes } of items) length += bytes.length - skipped(bytes, typeLength);
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
function keptRest(items: readonly Stored[], typeLength: number, length: number): Buffer | undefined {
  if (length < keptFromBytes || length > longestKeptBytes) return undefined;
  const known = kept.get(items);
  if (!known) {
    kept.set(items, { length });
    return undefined;
  }
  if (!known.joined) {
    known.joined = Buffer.concat([...joins(noHead, items, typeLength)], length);
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
