/**
 * What it means for a writer that somebody else has made, changed or deleted its object meanwhile: no error, for what it knew was only a
 * moment old, and it is his turn.
 */
import type { ReconcileResult } from './controller.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';

/** A cache that is behind shows what is there after this. */
export const behindMs = 50;

/** What a reconcile returns that failed so; undefined where that is not why it failed. */
export function overtaken(error: unknown): ReconcileResult | undefined {
  if (isConflict(error)) return { requeueAfterMs: behindMs };
  return isNotFound(error) || isAlreadyExists(error) ? {} : undefined;
}

/** Waits for a write, and gives what its reconcile returns. Throws what the write throws, unless it was overtaken. */
export async function unlessOvertaken(writing: Promise<unknown>): Promise<ReconcileResult> {
  try {
    await writing;
    return {};
  } catch (error) {
    const result = overtaken(error);
    if (!result) throw error;
    return result;
  }
}
