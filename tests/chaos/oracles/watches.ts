/**
 * Whether a watch told everything, in order, once: each register's values one after the other as they were written, each set
 * one element more at a time, up to the state that was there in the end.
 */
import type { Shown, WatchStretch } from '../load/history.ts';

export interface Truth {
  /** The values of each register in the order in which they were written (see `chainOf`). */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** What each set had in the end. */
  readonly sets: ReadonlyMap<string, readonly string[]>;
}

/** What is wrong with a stretch. `toTheEnd`: it is the last of its client, so it must have seen the final states. */
export function checkWatch(stretch: WatchStretch, truth: Truth, toTheEnd: boolean): string[] {
  const faults: string[] = [];
  const wrong = (object: string, what: string): void => {
    faults.push(`${stretch.client}, ${object}: ${what}`);
  };
  const state = new Map<string, Shown>(stretch.listed);
  let revision = 0n;
  for (const event of stretch.events) {
    if (event.revision <= revision) wrong(event.object, `revision ${event.revision} came after ${revision}`);
    revision = event.revision;
    const before = state.get(event.object);
    if (event.type !== (before === undefined ? 'ADDED' : 'MODIFIED'))
      wrong(event.object, `an event ${event.type} out of place`);
    const trouble = troubleBetween(before, event.shown, truth.chains.get(event.object) ?? []);
    if (trouble) wrong(event.object, trouble);
    state.set(event.object, event.shown);
  }
  if (!toTheEnd) return faults;
  for (const [object, values] of truth.chains) {
    if (state.get(object) !== values.at(-1)) wrong(object, `${values.at(-1)} was never told`);
  }
  for (const [object, elements] of truth.sets) {
    const shown = state.get(object) ?? [];
    const missing = elements.find((element) => !shown.includes(element));
    if (missing) wrong(object, `${missing} was never told`);
  }
  return faults;
}

function troubleBetween(before: Shown | undefined, after: Shown, chain: readonly string[]): string | undefined {
  if (typeof after === 'string') {
    const from = before === undefined ? -1 : chain.indexOf(String(before));
    const to = chain.indexOf(after);
    if (to < 0) return `${after} was told and is no value that was written`;
    if (to === from + 1) return undefined;
    return to <= from ? `${after} was told again` : `${to - from - 1} values before ${after} were not told`;
  }
  const known = new Set(before);
  const added = after.filter((element) => !known.has(element));
  if (after.length - added.length !== known.size) return 'an element was gone';
  if (added.length === 1 || (before === undefined && added.length === 0)) return undefined;
  return added.length === 0 ? 'the same state was told again' : `${added.length} elements were told at once`;
}
