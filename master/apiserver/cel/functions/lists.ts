/** CEL's functions over lists: Kubernetes' list library, and cel-go's extensions for sets and lists. */
import { type Environment, Optional } from '@marcbachmann/cel-js';
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { spend } from '../steps.ts';
import { sameValue } from '../types.ts';
import { compare, sortedByKeys } from './ordering.ts';

class SetsNamespace {}
class ListsNamespace {}

export function registerListFunctions(environment: Environment): void {
  const add = (signature: string, handler: (...parts: never[]) => unknown): void => {
    environment.registerFunction(signature, handler, { async: false });
  };
  add('list.isSorted(): bool', (list: unknown[]) =>
    list.every((item, index) => index === 0 || compare(list[index - 1], item) <= 0),
  );
  add('list<int>.sum(): int', (list: bigint[]) => list.reduce((sum, item) => sum + item, 0n));
  add('list<double>.sum(): double', (list: number[]) => list.reduce((sum, item) => sum + item, 0));
  add('list<google.protobuf.Duration>.sum(): google.protobuf.Duration', (list: Duration[]) =>
    list.reduce((sum, item) => sum.addDuration(item), new Duration(0n, 0)),
  );
  add('list.min(): dyn', (list: unknown[]) => extreme(list, 'min', -1));
  add('list.max(): dyn', (list: unknown[]) => extreme(list, 'max', 1));
  add('list.indexOf(dyn): int', (list: unknown[], item: unknown) =>
    BigInt(list.findIndex((other) => sameValue(other, item))),
  );
  add('list.lastIndexOf(dyn): int', (list: unknown[], item: unknown) =>
    BigInt(list.findLastIndex((other) => sameValue(other, item))),
  );
  registerListExtension(environment, add);
  const holds = (list: unknown[], item: unknown): boolean => {
    spend(list.length);
    return list.some((other) => sameValue(other, item));
  };
  environment.registerType('kubernetes.SetsNamespace', SetsNamespace);
  environment.registerConstant('sets', 'kubernetes.SetsNamespace', new SetsNamespace());
  const sets = 'kubernetes.SetsNamespace';
  add(`${sets}.contains(list, list): bool`, (_: SetsNamespace, list: unknown[], part: unknown[]) =>
    part.every((item) => holds(list, item)),
  );
  add(
    `${sets}.equivalent(list, list): bool`,
    (_: SetsNamespace, a: unknown[], b: unknown[]) =>
      a.every((item) => holds(b, item)) && b.every((item) => holds(a, item)),
  );
  add(`${sets}.intersects(list, list): bool`, (_: SetsNamespace, a: unknown[], b: unknown[]) =>
    a.some((item) => holds(b, item)),
  );
}

type Add = (signature: string, handler: (...parts: never[]) => unknown) => void;

/** In Kubernetes since 1.34. What is made is counted, so that no list outgrows the evaluation's bounds. */
function registerListExtension(environment: Environment, add: Add): void {
  const made = <T>(list: T[]): T[] => {
    spend(list.length);
    return list;
  };
  add('list<T>.slice(int, int): list<T>', (list: unknown[], from: bigint, to: bigint) => {
    const what = `cannot slice(${from}, ${to})`;
    if (from < 0n || to < 0n) throw new Error(`${what}, negative indexes not supported`);
    if (from > to) throw new Error(`${what}, start index must be less than or equal to end index`);
    if (to > BigInt(list.length)) throw new Error(`${what}, list is length ${list.length}`);
    return made(list.slice(Number(from), Number(to)));
  });
  add('list<list<T>>.flatten(): list<T>', (list: unknown[]) => made(list.flat()));
  add('list.flatten(): list<dyn>', (list: unknown[]) => made(list.flat()));
  add('list.flatten(int): list<dyn>', (list: unknown[], depth: bigint) => {
    if (depth < 0n) throw new Error('level must be non-negative');
    return made(list.flat(Number(depth)));
  });
  add('list<T>.sort(): list<T>', (list: unknown[]) => sortedByKeys(list, list));
  add('list<T>.reverse(): list<T>', (list: unknown[]) => made(list.toReversed()));
  add('list<T>.distinct(): list<T>', (list: unknown[]) => {
    spend(list.length * list.length * 2);
    return list.filter((item, index) => list.findIndex((other) => sameValue(other, item)) === index);
  });
  const lists = 'kubernetes.ListsNamespace';
  environment.registerType(lists, ListsNamespace);
  environment.registerConstant('lists', lists, new ListsNamespace());
  add(`${lists}.range(int): list<int>`, (_: ListsNamespace, count: bigint) => {
    if (count < 0n) throw new Error('lists.range: the size must not be negative');
    spend(Number(count));
    return Array.from({ length: Number(count) }, (_item, index) => BigInt(index));
  });
  add('list<T>.first(): optional<T>', ([first]: unknown[]) => optionalOf(first));
  add('list<T>.last(): optional<T>', (list: unknown[]) => optionalOf(list.at(-1)));
}

const optionalOf = (value: unknown): unknown => (value === undefined ? Optional.none() : Optional.of(value));

function extreme(list: readonly unknown[], name: string, sign: number): unknown {
  const [first, ...others] = list;
  if (list.length === 0) throw new Error(`${name} called on empty list`);
  return others.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best), first);
}
