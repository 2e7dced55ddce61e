/** What clients of each kind had to endure in a stretch of the run. */
import { type ClientKind, clientKinds, type Failure, type Sign } from './history.ts';

/** The longest time between two successes of any one client of each kind, counting from `fromMs` and up to `toMs`. */
export function longestGaps(signs: readonly Sign[], fromMs: number, toMs: number): Record<ClientKind, number> {
  const last = new Map<string, Sign>();
  const longest = zeroes();
  for (const sign of signs) {
    const before = last.get(sign.client)?.atMs ?? sign.atMs;
    last.set(sign.client, sign);
    const [from, to] = [Math.max(before, fromMs), Math.min(sign.atMs, toMs)];
    longest[sign.kind] = Math.max(longest[sign.kind], to - from);
  }
  for (const { kind, atMs } of last.values()) longest[kind] = Math.max(longest[kind], toMs - Math.max(atMs, fromMs));
  return longest;
}

export function failuresBetween(
  failures: readonly Failure[],
  fromMs: number,
  toMs: number,
): Record<ClientKind, number> {
  const counts = zeroes();
  for (const { kind, atMs } of failures) if (atMs >= fromMs && atMs <= toMs) counts[kind] += 1;
  return counts;
}

function zeroes(): Record<ClientKind, number> {
  return Object.fromEntries(clientKinds.map((kind) => [kind, 0])) as Record<ClientKind, number>;
}
