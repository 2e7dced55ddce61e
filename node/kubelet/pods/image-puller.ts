/** Makes sure that a container's image is there, as its pull policy says, with back-off after failures ("Images"). */
import type { Clock } from '../../../master/api/clock.ts';
import type { Container } from '../../../master/api/types.ts';
import type { PulledImage, RegistryAuth, Runtime } from '../../runtime/runtime.ts';
import { BackOff, goDuration } from './back-off.ts';
import type { PullCredentials } from './registry-credentials.ts';

/** Why a container cannot be started now: the reason and message of its waiting state. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: string;
  /** When to try again, if that is known. */
  readonly until: number | undefined;

  constructor(reason: string, message: string, options: ErrorOptions & { until?: number } = {}) {
    super(message, options);
    this.reason = reason;
    this.until = options.until;
  }
}

export type Tell = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export class ImagePuller {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #backOff: BackOff;
  readonly #lastErrors = new Map<string, string>();
  readonly #failedAt = new Map<string, number>();
  /** Pulls under way: pods that want the same image wait for the same pull. */
  readonly #pulling = new Map<string, Promise<{ tookMs: number; sizeBytes: number }>>();

  /** The signal ends pulls under way. */
  constructor(options: { runtime: Runtime; clock: Clock; signal: AbortSignal; backOff?: BackOff }) {
    this.#runtime = options.runtime;
    this.#signal = options.signal;
    this.#clock = options.clock;
    this.#backOff = options.backOff ?? new BackOff();
  }

  /** Resolves when the image is there. It is pulled with the first of the credentials that will do. Throws StartError. */
  async ensure(container: Container, { auths, missing }: PullCredentials, tell: Tell): Promise<void> {
    const image = container.image ?? '';
    const policy = container.imagePullPolicy ?? defaultPolicy(image);
    const present = await this.#runtime.hasImage(image);
    if (policy === 'Never' && !present) {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      tell('Warning', 'ErrImageNeverPull', message);
      throw new StartError('ErrImageNeverPull', message);
    }
    if (present && policy !== 'Always') {
      tell('Normal', 'Pulled', `Container image "${image}" already present on machine and can be accessed by the pod`);
      return;
    }
    const now = this.#clock.now();
    const until = this.#waitUntil(image, now);
    if (until !== undefined) {
      tell('Normal', 'BackOff', `Back-off pulling image "${image}"`);
      const last = this.#lastErrors.get(image) ?? '';
      throw new StartError('ImagePullBackOff', `Back-off pulling image "${image}": ErrImagePull: ${last}`, { until });
    }
    if (missing.length > 0) {
      const names = missing.join(', ');
      const message = `Unable to retrieve some image pull secrets (${names}); attempting to pull the image may not succeed.`;
      tell('Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    await this.#pull(image, auths, tell);
  }

  #waitUntil(image: string, now: number): number | undefined {
    return this.#backOff.waitUntil(image, this.#failedAt.get(image) ?? 0, now);
  }

  async #pull(image: string, auths: readonly RegistryAuth[], tell: Tell): Promise<void> {
    tell('Normal', 'Pulling', `Pulling image "${image}"`);
    try {
      const { tookMs, sizeBytes } = await this.#pullOnce(image, auths);
      const took = tookMs < 1000 ? `${tookMs}ms` : goDuration(tookMs);
      tell(
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
      );
      this.#backOff.forget(image);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const now = this.#clock.now();
      this.#backOff.next(image, now);
      this.#failedAt.set(image, now);
      this.#lastErrors.set(image, message);
      tell('Warning', 'Failed', `Failed to pull image "${image}": ${message}`);
      throw new StartError('ErrImagePull', message, { cause: error, until: this.#waitUntil(image, now) ?? now });
    }
  }

  #pullOnce(image: string, auths: readonly RegistryAuth[]): Promise<{ tookMs: number; sizeBytes: number }> {
    // Only those who come with the same credentials wait for the same pull.
    const key = JSON.stringify([image, auths]);
    const known = this.#pulling.get(key);
    if (known !== undefined) return known;
    const startedAt = this.#clock.elapsed();
    const pull = this.#pullAs(image, auths)
      .then(({ sizeBytes }) => ({ tookMs: this.#clock.elapsed() - startedAt, sizeBytes }))
      .finally(() => this.#pulling.delete(key));
    this.#pulling.set(key, pull);
    return pull;
  }

  /** With each of the credentials in turn; rejects with the reasons of all. */
  async #pullAs(image: string, auths: readonly RegistryAuth[]): Promise<PulledImage> {
    const errors: Error[] = [];
    for (const auth of auths.length > 0 ? auths : [undefined]) {
      try {
        return await this.#runtime.pullImage(image, this.#signal, auth);
      } catch (error) {
        errors.push(error instanceof Error ? error : new Error(String(error)));
      }
    }
    const [first, ...more] = new Set(errors.map(({ message }) => message));
    throw more.length === 0 ? errors[0] : new AggregateError(errors, `[${[first, ...more].join(', ')}]`);
  }
}

/** The API server sets the policy; this is for a Pod that came without. */
function defaultPolicy(image: string): string {
  const tag = /:([^/:@]+)$/.exec(image)?.[1];
  return image.includes('@') || (tag !== undefined && tag !== 'latest') ? 'IfNotPresent' : 'Always';
}
