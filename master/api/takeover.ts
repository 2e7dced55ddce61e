/** The parts of a takeover, as the process that takes over measures them: where the time went that nobody led. */
import { Gauge, type Registry } from 'prom-client';
import type { Logger } from './logging.ts';

/**
 * In order, each from the end of the one before. `detected`: from the last sign of life of the former leader to the attempt to
 * acquire; `elected`: until the lease was won; `synced`: until the work could begin; `firstAction`: until the first
 * write of the term was accepted, which includes the wait for something to do.
 */
const parts = ['detected', 'elected', 'synced', 'firstAction'] as const;
type Part = (typeof parts)[number];

export class Takeover {
  readonly #lease: string;
  readonly #logger: Logger;
  readonly #tookMs = new Map<Part, number>();
  #fromMs = performance.now();

  constructor(lease: string, logger: Logger) {
    this.#lease = lease;
    this.#logger = logger;
  }

  /** Milliseconds of the parts of the last takeover that are over. */
  get tookMs(): ReadonlyMap<Part, number> {
    return this.#tookMs;
  }

  /** An attempt to acquire begins: a sign of life was seen last at `aliveMs` of `performance.now()`. */
  acquiring(aliveMs: number): void {
    this.#tookMs.clear();
    this.#fromMs = aliveMs;
    this.#end('detected');
  }

  elected(): void {
    this.#end('elected');
  }

  synced(): void {
    this.#end('synced');
  }

  acted(generation: number): void {
    if (this.#tookMs.has('firstAction')) return;
    this.#end('firstAction');
    const took = Object.fromEntries([...this.#tookMs].map(([part, ms]) => [`${part}Ms`, Math.round(ms)]));
    this.#logger.info({ lease: this.#lease, generation, ...took }, 'first action of the term');
  }

  /** Shows the last takeover as a metric. */
  register(registry: Registry): void {
    const [lease, tookMs] = [this.#lease, this.#tookMs];
    new Gauge({
      name: 'trimaster_takeover_seconds',
      help: 'How long the parts of the last takeover by this process took.',
      labelNames: ['lease', 'part'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [part, ms] of tookMs) this.set({ lease, part }, ms / 1_000);
      },
    });
  }

  #end(part: Part): void {
    const now = performance.now();
    this.#tookMs.set(part, now - this.#fromMs);
    this.#fromMs = now;
  }
}
