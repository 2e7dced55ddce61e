/** Short names that follow from what they are for, so that whoever makes an object twice makes it under one name. Pure. */
import { createHash } from 'node:crypto';
import { withSortedFields } from '../api/meta.ts';

/** Letters and digits of which no word is made by accident, as in Kubernetes. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const hashLength = 10;

/** Two values, or one after a collision, have different hashes; the same one has the same, whatever the order of its fields. */
export function hashOf(value: unknown, collisionCount = 0): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([withSortedFields(value), collisionCount]))
    .digest();
  return Array.from(digest.subarray(0, hashLength), (byte) => alphabet[byte % alphabet.length]).join('');
}
