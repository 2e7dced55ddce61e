/**
 * Whether reads and compare-and-swaps of one register are linearizable: whether there is an order of them, each at some
 * moment between its sending and its answer, in which every read gives the value written last.
 *
 * This is exact, and linear after sorting. Each value is written once and names the one it replaced, so the order of the writes is
 * known; what is left is whether times t(1) ≤ t(2) ≤ … can be given to them:
 *
 *   - a write happens between its sending and its answer; without an answer, at any time after its sending or never;
 *   - a read of value i lies, at some moment, after t(i) and before t(i+1): so t(i) ≤ its answer and t(i+1) ≥ its sending;
 *   - a refused swap has found another value than it expected: so t(i+1) ≤ its answer.
 *
 * All of these bound single times from below or above, so the earliest choice of each, in order, finds times if there are any.
 */
import type { RegisterRead, RegisterSwap } from '../load/history.ts';

type Operation = RegisterRead | RegisterSwap;

/** The values in the order in which they were written. */
export interface Chain {
  readonly values: readonly string[];
  /** What makes it no chain. */
  readonly faults: readonly string[];
}

/** What is wrong with the history of one register; nothing if it is linearizable. */
export function checkRegister(operations: readonly Operation[]): string[] {
  const { values, faults } = chainOf(operations);
  if (faults.length > 0) return [...faults];
  const places = new Map<string | undefined, number>([[undefined, 0], ...values.map((v, i) => [v, i + 1] as const)]);
  const earliest = new Array<number>(values.length + 2).fill(Number.NEGATIVE_INFINITY);
  const latest = new Array<number>(values.length + 2).fill(Number.POSITIVE_INFINITY);
  const atLeast = (place: number, ms: number): void => {
    earliest[place] = Math.max(earliest[place] ?? ms, ms);
  };
  const atMost = (place: number, ms: number): void => {
    latest[place] = Math.min(latest[place] ?? ms, ms);
  };
  for (const operation of operations) {
    if (operation.kind === 'read') {
      const place = places.get(operation.value) ?? 0;
      atMost(place, operation.toMs);
      atLeast(place + 1, operation.fromMs);
    } else if (operation.outcome === 'conflict') {
      const place = places.get(operation.expected);
      if (place !== undefined) atMost(place + 1, operation.toMs);
    } else {
      const place = places.get(operation.value);
      if (place === undefined) continue;
      atLeast(place, operation.fromMs);
      if (operation.outcome === 'done') atMost(place, operation.toMs);
    }
  }
  let now = Number.NEGATIVE_INFINITY;
  for (let place = 1; place <= values.length; place += 1) {
    now = Math.max(now, earliest[place] ?? now);
    if (now > (latest[place] ?? now)) {
      const lateMs = Math.round(now - (latest[place] ?? now));
      return [
        `${values[place - 1]}: not linearizable: it was seen, or another was still seen, ${lateMs} ms on the wrong side`,
      ];
    }
  }
  // What replaced the last value, if a swap of it was refused, is a write without an answer that nobody saw afterwards.
  const end = values.length + 1;
  const unseen = operations.filter((o) => o.kind === 'swap' && o.outcome === 'unknown' && o.expected === values.at(-1));
  now = Math.max(now, earliest[end] ?? now, Math.min(...unseen.map(({ fromMs }) => fromMs)));
  if (latest[end] !== Number.POSITIVE_INFINITY && now > (latest[end] ?? now)) {
    return [`${values.at(-1) ?? 'the absent object'}: a swap of it was refused although nothing replaced it`];
  }
  return [];
}

/** The order of the writes that took effect: those acknowledged, and those whose value was seen by anybody. */
export function chainOf(operations: readonly Operation[]): Chain {
  const swaps = operations.filter((operation) => operation.kind === 'swap');
  const swapOf = new Map(swaps.map((swap) => [swap.value, swap]));
  const faults: string[] = [];
  const effective = new Set(swaps.filter(({ outcome }) => outcome === 'done').map(({ value }) => value));
  const seen = operations.map((operation) => (operation.kind === 'read' ? operation.value : operation.expected));
  for (const value of new Set(seen)) {
    if (value === undefined) continue;
    const swap = swapOf.get(value);
    if (!swap) faults.push(`${value}: was read, and nobody wrote it`);
    else if (swap.outcome === 'conflict') faults.push(`${value}: was read, and its write had been refused`);
    else effective.add(value);
  }
  const next = new Map<string | undefined, string>();
  for (const value of effective) {
    const expected = swapOf.get(value)?.expected;
    const other = next.get(expected);
    if (other) faults.push(`${expected ?? 'the absent object'}: was replaced twice, by ${other} and by ${value}`);
    next.set(expected, value);
  }
  const values: string[] = [];
  for (let at = next.get(undefined); at !== undefined && values.length < effective.size; at = next.get(at))
    values.push(at);
  const reached = new Set(values);
  for (const value of effective) {
    if (!reached.has(value) && faults.length === 0) faults.push(`${value}: replaced a value that was never there`);
  }
  return { values, faults };
}
