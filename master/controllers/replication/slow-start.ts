/**
 * Many like requests, at first one, then twice as many each time all went well. When the first is refused (a quota, a
 * forbidden field), the other 499 that would be refused as well are never sent.
 */

/** How many requests of one run are on their way at once: enough to hide a round trip, few enough for few connections. */
export const inFlight = 32;

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

/** Calls `request` for every item, a bounded number at once, and gives all errors. */
export async function atOnce<T>(items: readonly T[], request: (item: T) => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  const rest = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      try {
        await request(item);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, items.length) }, worker));
  return errors;
}
