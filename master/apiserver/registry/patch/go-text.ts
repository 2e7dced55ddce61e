/** Go's `%v` of decoded JSON, in which Kubernetes' messages about patches show parts of them: `map[image:x ports:[80 81]]`. */
import { isRecord } from '../schema/shape.ts';

export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (!isRecord(value)) return String(value);
  const entries = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goText(value[key])}`);
  return `map[${entries.join(' ')}]`;
}
