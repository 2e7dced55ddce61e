/** Short names that follow from what they are for, so that whoever makes an object twice makes it under one name. Pure. */
import { createHash } from 'node:crypto';

/** Letters and digits of which no word is made by accident, as in Kubernetes. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const hashLength = 10;

/** Two values, or one after a collision, have different hashes; the same one has the same, whatever the order of its fields. */
export function hashOf(value: unknown, collisionCount = 0): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([sorted(value), collisionCount]))
    .digest();
  return Array.from(digest.subarray(0, hashLength), (byte) => alphabet[byte % alphabet.length]).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(fields.map(([name, inner]) => [name, sorted(inner)]));
}
