/**
 * Whether a set that only grows was linearizable: reads, put in order, show more and more; each shows all that was
 * acknowledged before it was sent, and nothing that was sent after its answer. Exact, as every element is added once.
 */
import type { SetAdd, SetRead } from '../load/history.ts';

/** What is wrong with the history of one set. */
export function checkSet(operations: readonly (SetAdd | SetRead)[]): string[] {
  const adds = new Map(
    operations.filter(({ kind }) => kind === 'add').map((add) => [(add as SetAdd).element, add as SetAdd]),
  );
  const reads = operations
    .filter((operation): operation is SetRead => operation.kind === 'elements')
    .toSorted((a, b) => a.elements.length - b.elements.length || a.fromMs - b.fromMs);
  const faults: string[] = [];
  let now = Number.NEGATIVE_INFINITY;
  let before: ReadonlySet<string> = new Set();
  for (const read of reads) {
    const elements = new Set(read.elements);
    if (elements.size < read.elements.length) faults.push(`${read.client}: an element was there twice`);
    const lost = [...before].find((element) => !elements.has(element));
    if (lost) faults.push(`${lost}: was seen by a smaller read and is missing in a greater one`);
    now = Math.max(now, read.fromMs);
    for (const element of elements) {
      const add = adds.get(element);
      if (!add) faults.push(`${element}: was read, and nobody added it`);
      else if (add.outcome === 'conflict') faults.push(`${element}: was read, and its addition had been refused`);
      else now = Math.max(now, add.fromMs);
    }
    if (now > read.toMs)
      faults.push(
        `${read.client}: read ${elements.size} elements ${Math.round(now - read.toMs)} ms too early or too late`,
      );
    for (const { element, outcome, toMs } of adds.values()) {
      if (outcome === 'done' && toMs < now && !elements.has(element))
        faults.push(`${element}: was acknowledged and is missing in a read ${Math.round(now - toMs)} ms later`);
    }
    before = elements;
  }
  return faults;
}
