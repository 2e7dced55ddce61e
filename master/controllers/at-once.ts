/** How many requests of one run are on their way at once: enough to hide a round trip, few enough for few connections. */
const inFlight = 32;

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
