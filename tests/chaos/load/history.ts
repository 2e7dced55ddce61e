/**
 * What the clients did and saw. It is the evidence: the oracles look at nothing else, and share no code with the product.
 *
 * Two kinds of objects: a register holds one value that is replaced by compare-and-swap, a set only grows. Every value and every
 * element is written once in the whole run. A register's value names the one that it replaced, so the order of the
 * writes can be read from the values themselves, whatever a resourceVersion says.
 */

/** What a writer knows of its write. Without an answer it may have been applied, or be applied later. */
export type Outcome = 'done' | 'conflict' | 'unknown';

interface Operation {
  readonly object: string;
  readonly client: string;
  /** When it was sent and when it was answered, in ms since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface RegisterRead extends Operation {
  readonly kind: 'read';
  /** undefined: there is no such object. */
  readonly value: string | undefined;
}

export interface RegisterSwap extends Operation {
  readonly kind: 'swap';
  /** The value that it replaces; undefined where it makes the object. */
  readonly expected: string | undefined;
  readonly value: string;
  readonly outcome: Outcome;
}

export interface SetAdd extends Operation {
  readonly kind: 'add';
  readonly element: string;
  readonly outcome: Outcome;
}

export interface SetRead extends Operation {
  readonly kind: 'elements';
  readonly elements: readonly string[];
}

/** The state of an object as a watch or list showed it: a register's value, or a set's elements. */
export type Shown = string | readonly string[];

export interface WatchEvent {
  readonly atMs: number;
  readonly type: string;
  readonly object: string;
  readonly revision: bigint;
  readonly shown: Shown;
}

/** A list and all that was watched from its revision on, over as many connections as it took. */
export interface WatchStretch {
  readonly client: string;
  readonly listed: ReadonlyMap<string, Shown>;
  readonly events: WatchEvent[];
  /** Times at which the watch was taken up again from the last revision seen. */
  readonly resumedMs: number[];
}

export const clientKinds = ['read', 'write', 'watch'] as const;
export type ClientKind = (typeof clientKinds)[number];

/** An answered request, or an event that a watcher received. */
export interface Sign {
  readonly kind: ClientKind;
  readonly client: string;
  readonly atMs: number;
}

export interface Failure extends Sign {
  readonly reason: string;
}

export class History {
  readonly registers: (RegisterRead | RegisterSwap)[] = [];
  readonly sets: (SetAdd | SetRead)[] = [];
  readonly watches: WatchStretch[] = [];
  readonly signs: Sign[] = [];
  readonly failures: Failure[] = [];
}

/** Milliseconds since the epoch, with fractions: the witness in its container counts by the same clock. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** The operations of each object. */
export function byObject<T extends { readonly object: string }>(operations: readonly T[]): Map<string, T[]> {
  return Map.groupBy(operations, ({ object }) => object);
}
