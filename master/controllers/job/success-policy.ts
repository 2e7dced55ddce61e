/** Whether an indexed Job has succeeded before all its indexes have (KEP-3998). Pure. */
import type { Job } from '../../api/types.ts';
import { parseIndexes } from './indexes.ts';

/** Which rule says so, in Kubernetes' words; undefined where none does. */
export function successBy({ spec }: Job, completed: ReadonlySet<number>): string | undefined {
  const rules = spec?.successPolicy?.rules ?? [];
  const index = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && completed.size >= succeededCount;
    const wanted = parseIndexes(succeededIndexes);
    return wanted.intersection(completed).size >= (succeededCount ?? wanted.size);
  });
  return index < 0 ? undefined : `Matched rules at index ${index}`;
}
