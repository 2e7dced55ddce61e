/**
 * Who is asked once more whether he wants to change an object (reinvocationPolicy IfNeeded): in the second round of a request those
 * after whom somebody else changed it. Webhooks and policies each count for themselves.
 */
import { deepEqual } from '../../api/meta.ts';
import type { KubeObject } from '../../api/types.ts';
import type { AdmissionRequest } from './types.ts';

/** One pass over all that may change the object. */
export class Round {
  /** Those that want to be asked again, and were asked since somebody last changed the object. */
  readonly #asked = new Set<string>();
  /** Those to be asked in the second round. */
  readonly #again = new Set<string>();
  /** The first round, in the second one. */
  readonly #before: Round | undefined;
  readonly #request: AdmissionRequest;
  /** The object as this round left it. */
  #left: KubeObject | undefined;

  constructor(request: AdmissionRequest, before: Round | undefined) {
    this.#request = request;
    this.#before = before;
    if (before && !deepEqual(before.#left, request.object)) before.changed();
  }

  /** The second round asks nobody for the first time, even if somebody's selectors match only now. */
  mayAsk(id: string): boolean {
    const before = this.#before;
    return before === undefined || before.#again.has(id);
  }

  /** Whoever was asked before this change is asked again. */
  changed(): void {
    for (const id of this.#asked) this.#again.add(id);
    this.#asked.clear();
    this.#request.changed = true;
  }

  wantsToBeAskedAgain(id: string): void {
    this.#asked.add(id);
  }

  end(): void {
    if (!this.#before) this.#left = structuredClone(this.#request.object);
  }
}

/** The rounds of all requests. */
export class Rounds {
  readonly #first = new WeakMap<AdmissionRequest, Round>();

  begin(request: AdmissionRequest): Round {
    const before = this.#first.get(request);
    const round = new Round(request, before);
    if (!before) this.#first.set(request, round);
    return round;
  }
}
