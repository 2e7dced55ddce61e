/** Plugins that work by configured objects judge nothing before they know them. */
import { aborted, sleep } from '../../api/clock.ts';
import { forbidden } from '../../api/errors.ts';
import type { Followed } from './followed.ts';
import type { AdmissionRequest } from './types.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Throws Forbidden when the objects do not become known in time. */
  wait(request: AdmissionRequest): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

/** As long as Kubernetes' plugins wait. */
const waitMs = 10_000;

export function readinessOf(sources: readonly Followed[]): Readiness {
  let ready = false;
  const filled = Promise.all(sources.map((source) => source.filled)).then(() => {
    ready = true;
  });
  return {
    get ready() {
      return ready;
    },
    async wait({ kind, name, ctx }) {
      const enough = new AbortController();
      await Promise.race([filled, sleep(waitMs, enough.signal), aborted(ctx.signal)]);
      enough.abort();
      if (!ready) throw forbidden(kind, name, 'not yet ready to handle request');
    },
    async run(signal) {
      await Promise.all(sources.map((source) => source.run(signal)));
    },
  };
}
