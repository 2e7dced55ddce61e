/**
 * Many like requests, at first one, then twice as many each time all went well. When the first is refused (a quota, a
 * forbidden field), the other 499 that would be refused as well are never sent.
 */

import { atOnce } from '../at-once.ts';

/** Runs `request` up to `count` times. Gives how many succeeded and the first error, if one ended the run. */
export async function slowStart(
  count: number,
  request: () => Promise<void>,
): Promise<{ succeeded: number; error?: unknown }> {
  let succeeded = 0;
  for (let batch = Math.min(count, 1); batch > 0; batch = Math.min(2 * batch, count - succeeded)) {
    const errors = await atOnce(Array.from({ length: batch }), request);
    succeeded += batch - errors.length;
    if (errors.length > 0) return { succeeded, error: errors[0] };
  }
  return { succeeded };
}
