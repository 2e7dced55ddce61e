/**
 * How much evaluations may do: one at most a million steps, and those that share a budget no more together than it has. A step is
 * about what Kubernetes calls a unit of cost: an element that is looked at, or ten characters.
 */

/** Kubernetes' limits for one expression, for all of an object or policy, and for the match conditions of a webhook. */
const stepsPerEvaluation = 1_000_000;
const stepsPerBudget = 10_000_000;
export const stepsOfConditions = 2_500_000;

/** The words of cel-go, which Kubernetes hands on. */
export const overLimit = 'operation cancelled: actual cost limit exceeded';
export const overBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run';

/** What several evaluations may do together. */
export class Budget {
  #left: number;

  constructor(steps = stepsPerBudget) {
    this.#left = steps;
  }

  get isSpent(): boolean {
    return this.#left < 0;
  }

  take(steps: number): void {
    this.#left -= steps;
  }
}

/** Steps left in the evaluation that runs. Evaluations never wait, so there is only one at a time; they may nest. */
let stepsLeft = stepsPerEvaluation;

/** Counts steps of the evaluation that runs. Throws an Error where its limit is reached. */
export function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new Error(overLimit);
}

/** What is left of the evaluation that runs. */
export const left = (): number => stepsLeft;

/** Runs an evaluation under the limit. Throws an Error where it is reached, whatever the expression makes of errors. */
export function withinBounds<T>(evaluate: () => T, budget?: Budget): T {
  const outer = stepsLeft;
  stepsLeft = stepsPerEvaluation;
  try {
    const value = evaluate();
    if (stepsLeft < 0) throw new Error(overLimit);
    return value;
  } finally {
    // No evaluation is for nothing.
    budget?.take(1 + stepsPerEvaluation - stepsLeft);
    stepsLeft = outer;
  }
}
