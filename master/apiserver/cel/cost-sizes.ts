/** How large values may be, for the estimate of an expression's cost (`cost.ts`). Sizes are what CEL's `size()` gives. */

/** The largest that a value of a schema may be. */
export interface Largest {
  readonly is: 'text' | 'list' | 'map' | 'object' | 'scalar' | 'dyn';
  /** Characters of a text, items of a list, entries of a map; 0 for what has no size. */
  readonly size: number;
  /** Of a list or map. */
  readonly element?: Largest;
  /** Of an object, by the names that CEL has for them. */
  readonly fields?: ReadonlyMap<string, Largest>;
}

export const scalar: Largest = { is: 'scalar', size: 0 };

/** Between what and what a size is. */
export interface Size {
  readonly least: number;
  readonly most: number;
}

export const unknownSize: Size = { least: 0, most: Number.POSITIVE_INFINITY };
export const exactly = (size: number): Size => ({ least: size, most: size });
export const union = (one: Size, other: Size): Size => ({
  least: Math.min(one.least, other.least),
  most: Math.max(one.most, other.most),
});
export const added = (one: Size, other: Size): Size => ({
  least: one.least + other.least,
  most: one.most + other.most,
});
export const multiplied = (one: Size, other: Size): Size => ({
  least: product(one.least, other.least),
  most: product(one.most, other.most),
});

/** Nothing times without end is nothing. */
export const product = (one: number, other: number): number => (one === 0 || other === 0 ? 0 : one * other);

/** What going through so much costs, a whole number. */
export const traversal = (size: number, factor: number): number => Math.ceil(product(size, factor));

/** The sizes of what a list or map holds that an expression makes. */
export interface EntrySize {
  readonly of: 'list' | 'map';
  readonly key: Size;
  readonly value: Size;
}

export const unionOfEntries = (one?: EntrySize, other?: EntrySize): EntrySize | undefined =>
  one && other && { of: one.of, key: union(one.key, other.key), value: union(one.value, other.value) };
