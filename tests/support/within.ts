/** Waiting for the state of the world: looking until it is as it should be, with a bound that only a defect reaches. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again; gives what was right, or rejects with what was seen last. */
export async function within<T>(
  seconds: number,
  look: () => Promise<T> | T,
  isRight: (seen: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + seconds * 1_000;
  for (let seen: unknown; ; await sleep(100)) {
    try {
      const now = await look();
      if (isRight(now)) return now;
      seen = now;
    } catch (error) {
      seen = error;
    }
    if (performance.now() > deadline) throw new Error(`not so within ${seconds} s; last seen: ${describe(seen)}`);
  }
}

function describe(seen: unknown): string {
  if (seen instanceof Set) return describe([...seen]);
  return seen instanceof Error ? seen.message : String(JSON.stringify(seen)).slice(0, 3_000);
}
