/** Runs the checks that the pool asks for and tells it the results; a cancelled check tells nothing. */
import type { PoolEffect, PoolEvent } from './core/pool-state.ts';
import { CheckError, type HealthCheck } from './health-check.ts';
import type { Metrics } from './metrics.ts';

export interface CheckListener {
  report(event: PoolEvent): void;
  /** When the traffic last heard from the backend. */
  heardAt(backend: string): number;
}

export class Checks {
  readonly #check: HealthCheck;
  readonly #metrics: Metrics;
  readonly #listener: CheckListener;
  readonly #running = new Map<number, AbortController>();
  #stopped = false;

  constructor(check: HealthCheck, metrics: Metrics, listener: CheckListener) {
    this.#check = check;
    this.#metrics = metrics;
    this.#listener = listener;
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
        this.#listener.report({ type: 'check-passed', id });
      },
      (error: unknown) => {
        this.#running.delete(id);
        if (signal.aborted) return;
        const failure = error instanceof CheckError ? error.failure : 'broken';
        this.#metrics.checks.inc({ backend: backend.name, result: failure });
        const detail = error instanceof Error ? error.message : String(error);
        const heardAt = this.#listener.heardAt(backend.name);
        this.#listener.report({ type: 'check-failed', id, failure, detail, heardAt });
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
