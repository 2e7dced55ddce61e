/** The order of CEL's values. */
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { spend } from '../steps.ts';

/** Below zero when `left` comes first. Texts compare by code points, as in Go. Throws for what has no order. */
export function compare(left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string') {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  const [a, b] = [orderOf(left), orderOf(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The items in the order of their keys. Throws where the keys are not of one type that has an order. */
export function sortedByKeys<T>(items: readonly T[], keys: readonly unknown[]): T[] {
  const [first] = keys;
  const type = typeOf(first);
  if (keys.length > 0 && type === undefined) throw new Error('list elements must be comparable');
  if (keys.some((key) => typeOf(key) !== type)) throw new Error('list elements must have the same type');
  // Kubernetes counts as many comparisons as there can be.
  spend(keys.length * keys.length * 2);
  return items
    .map((item, index) => ({ item, key: keys[index] }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ item }) => item);
}

function typeOf(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Date) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  return typeof value === 'object' || value === undefined ? undefined : typeof value;
}

function orderOf(value: unknown): number | bigint {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date || value instanceof Duration) return value.valueOf();
  throw new Error('no such overload');
}
