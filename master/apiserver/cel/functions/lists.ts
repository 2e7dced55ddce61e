/** CEL's functions over lists: Kubernetes' list library and cel-go's set extension. */
import type { Environment } from '@marcbachmann/cel-js';
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { spend } from '../steps.ts';
import { sameValue } from '../types.ts';

class SetsNamespace {}

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

function extreme(list: readonly unknown[], name: string, sign: number): unknown {
  const [first, ...others] = list;
  if (list.length === 0) throw new Error(`${name} called on empty list`);
  return others.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best), first);
}

/** Below zero when `left` comes first. Texts compare by code points, as in Go. Throws for what has no order. */
function compare(left: unknown, right: unknown): number {
  if (typeof left === 'string' && typeof right === 'string') {
    return Buffer.compare(Buffer.from(left), Buffer.from(right));
  }
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right);
  const [a, b] = [orderOf(left), orderOf(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

function orderOf(value: unknown): number | bigint {
  if (typeof value === 'bigint' || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date || value instanceof Duration) return value.valueOf();
  throw new Error('no such overload');
}
