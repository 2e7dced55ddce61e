/** Runs the checks that the pool asks for and tells it the results; a cancelled check tells nothing. */
import type { PoolEffect, PoolEvent } from './core/pool.ts';
import { CheckError, type HealthCheck } from './health-check.ts';
import type { Metrics } from './metrics.ts';

export class Checks {
  readonly #check: HealthCheck;
  readonly #metrics: Metrics;
  readonly #report: (event: PoolEvent) => void;
  readonly #running = new Map<number, AbortController>();
  #stopped = false;

  constructor(check: HealthCheck, metrics: Metrics, report: (event: PoolEvent) => void) {
    this.#check = check;
    this.#metrics = metrics;
    this.#report = report;
  }

  start({ id, backend, fresh, timeoutMs }: PoolEffect & { type: 'check' }): void {
    if (this.#stopped) return;
    const controller = new AbortController();
    const { signal } = controller;
    this.#running.set(id, controller);
    const startedAt = performance.now();
    this.#check.check(backend, { fresh, timeoutMs, signal }).then(
      () => {
        this.#running.delete(id);
        if (signal.aborted) return;
        this.#metrics.checks.inc({ backend: backend.name, result: 'passed' });
        this.#metrics.checkSeconds.observe({ backend: backend.name }, (performance.now() - startedAt) / 1000);
        this.#report({ type: 'check-passed', id });
      },
      (error: unknown) => {
        this.#running.delete(id);
        if (signal.aborted) return;
        const failure = error instanceof CheckError ? error.failure : 'broken';
        this.#metrics.checks.inc({ backend: backend.name, result: failure });
        const detail = error instanceof Error ? error.message : String(error);
        this.#report({ type: 'check-failed', id, failure, detail });
      },
    );
  }

  cancel(id: number): void {
    this.#running.get(id)?.abort();
  }

  /** Cancels all checks for good. */
  stop(): void {
    this.#stopped = true;
    for (const controller of this.#running.values()) controller.abort();
    this.#check.close();
  }
}
