/** A bounded number of tasks at a time, and those beside them that mostly wait. */
export class Slots {
  #free: number;
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Starts the task when there is a slot, and returns then; a task must not reject. */
  async start(task: () => Promise<void>): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#free -= 1;
    this.#keep(
      task().finally(() => {
        this.#free += 1;
        this.#waiting.shift()?.();
      }),
    );
  }

  /** Starts the task at once, without a slot. */
  beside(task: () => Promise<void>): void {
    this.#keep(task());
  }

  /** Resolves when no task runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #keep(task: Promise<void>): void {
    const running = task.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
