/** How many fenced writes were let through and refused, by lease: what a paused leader tried when it woke up shows here. */
import { type Fence, formatFence } from '../../api/fence.ts';
import { FenceLost } from './errors.ts';

export type FenceOutcome = 'accepted' | 'refused';

/** Any client may name any lease, so the table is bounded. */
const mostLeases = 100;

export class FencedWrites {
  readonly #counts = new Map<string, Record<FenceOutcome, number>>();

  /** By `<namespace>/<lease>`. */
  get counts(): ReadonlyMap<string, Readonly<Record<FenceOutcome, number>>> {
    return this.#counts;
  }

  /** Counts the write by how it ends. One that fails for another reason says nothing of the fence. */
  async counted<T>(fence: Fence | undefined, write: Promise<T>): Promise<T> {
    if (!fence) return write;
    try {
      const done = await write;
      this.#add(fence, 'accepted');
      return done;
    } catch (error) {
      if (error instanceof FenceLost) this.#add(fence, 'refused');
      throw error;
    }
  }

  #add(fence: Fence, outcome: FenceOutcome): void {
    const lease = formatFence(fence).replace(/=\d+$/, '');
    const known = this.#counts.has(lease) || this.#counts.size < mostLeases ? lease : 'other';
    const counts = this.#counts.get(known) ?? { accepted: 0, refused: 0 };
    counts[outcome] += 1;
    this.#counts.set(known, counts);
  }
}
