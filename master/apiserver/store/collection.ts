/**
 * The objects of one resource: by key, and in the order of their keys. A list is made once for all who ask for it before
 * something in it changes.
 */
import { prefixEnd } from './keys.ts';
import type { Stored } from './types.ts';

/** So many lists are kept of one resource: of its namespaces that somebody asks for. */
const maxLists = 32;

export class Collection {
  readonly #byKey = new Map<string, Stored>();
  /** Invariant: the values of #byKey, sorted by key. */
  readonly #sorted: Stored[] = [];
  /** Invariant: what `list` gives for each of these prefixes. */
  readonly #lists = new Map<string, readonly Stored[]>();

  get size(): number {
    return this.#sorted.length;
  }

  get(key: string): Stored | undefined {
    return this.#byKey.get(key);
  }

  /** Puts an object under its key and gives what was there. */
  put(stored: Stored): Stored | undefined {
    const previous = this.#byKey.get(stored.key);
    this.#byKey.set(stored.key, stored);
    this.#changed(stored.key);
    const last = this.#sorted.at(-1);
    if (previous) this.#sorted[lowerBound(this.#sorted, stored.key)] = stored;
    else if (!last || last.key < stored.key) this.#sorted.push(stored);
    else this.#sorted.splice(lowerBound(this.#sorted, stored.key), 0, stored);
    return previous;
  }

  /** Removes a key and gives what was there. */
  delete(key: string): Stored | undefined {
    const previous = this.#byKey.get(key);
    if (!previous) return undefined;
    this.#byKey.delete(key);
    this.#changed(key);
    this.#sorted.splice(lowerBound(this.#sorted, key), 1);
    return previous;
  }

  /** Those whose key starts with `prefix`, in order. The very same array until one of them changes. */
  list(prefix: string): readonly Stored[] {
    const known = this.#lists.get(prefix);
    if (known) return known;
    const from = lowerBound(this.#sorted, prefix);
    const made = this.#sorted.slice(from, lowerBound(this.#sorted, prefixEnd(prefix), from));
    if (this.#lists.size >= maxLists) this.#lists.clear();
    this.#lists.set(prefix, made);
    return made;
  }

  #changed(key: string): void {
    for (const prefix of this.#lists.keys()) if (key.startsWith(prefix)) this.#lists.delete(prefix);
  }
}

/** The index of the first entry whose key is not before `key`. */
function lowerBound(sorted: readonly Stored[], key: string, from = 0): number {
  let low = from;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
