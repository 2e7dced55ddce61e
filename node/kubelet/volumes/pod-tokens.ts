/**
 * The service account tokens of this node's pods, as their projected volumes ask for them.
 *
 * Each is bound to its pod, and renewed after four fifths of its time, at the latest after a day. One that cannot be renewed while
 * the API is unreachable is used on: only its end makes it useless.
 */
import type { Client } from '../../../master/api/client.ts';
import type { Clock } from '../../../master/api/clock.ts';
import type { Logger } from '../../../master/api/logging.ts';
import type { Pod, TokenRequest, Volume } from '../../../master/api/types.ts';
import { nameOf, namespaceOf, podTitle, uidOf } from '../pods/pod.ts';

type Source = NonNullable<NonNullable<Volume['projected']>['sources']>[number];
export type TokenProjection = NonNullable<Source['serviceAccountToken']>;

/** Asks the API for a token of the pod's account. */
export type RequestToken = (pod: Pod, request: TokenRequest) => Promise<TokenRequest>;

interface Held {
  readonly token: string;
  /** When it is to be renewed, in milliseconds since the epoch. */
  readonly dueAt: number;
  readonly endsAt: number;
}

const defaultSeconds = 3_600;
const longestMs = 24 * 3_600_000;
const retryMs = 30_000;

export class PodTokens {
  readonly #request: RequestToken;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #byPod = new Map<string, Map<string, Held>>();

  constructor(options: { request: RequestToken; clock: Clock; logger: Logger }) {
    this.#request = options.request;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Gets what the pod needs and renews what is due. Rejects when it has to do without a token. */
  async use(pod: Pod): Promise<void> {
    const projections = projectionsOf(pod);
    if (projections.length === 0) return;
    const held = this.#byPod.get(uidOf(pod)) ?? new Map<string, Held>();
    this.#byPod.set(uidOf(pod), held);
    for (const projection of projections) {
      const key = keyOf(projection);
      const present = held.get(key);
      if (present && this.#clock.now() < present.dueAt) continue;
      held.set(key, await this.#renewed(pod, projection, present));
    }
  }

  token(pod: Pod, projection: TokenProjection): string | undefined {
    return this.#byPod.get(uidOf(pod))?.get(keyOf(projection))?.token;
  }

  /** When the pod's next token is due, in milliseconds since the epoch. */
  nextDue(pod: Pod): number | undefined {
    const due = [...(this.#byPod.get(uidOf(pod))?.values() ?? [])].map(({ dueAt }) => dueAt);
    return due.length > 0 ? Math.min(...due) : undefined;
  }

  /** The pod is gone. */
  release(uid: string): void {
    this.#byPod.delete(uid);
  }

  async #renewed(pod: Pod, projection: TokenProjection, present: Held | undefined): Promise<Held> {
    const now = this.#clock.now();
    try {
      const { status } = await this.#request(pod, requestFor(pod, projection));
      const endsAt = Date.parse(status?.expirationTimestamp ?? '');
      return { token: status?.token ?? '', endsAt, dueAt: now + Math.min((endsAt - now) * 0.8, longestMs) };
    } catch (error) {
      if (!present || now >= present.endsAt) throw error;
      this.#logger.warn({ pod: podTitle(pod), err: error }, 'a token could not be renewed yet');
      return { ...present, dueAt: now + retryMs };
    }
  }
}

/** Asks as the node, which has tokens of its own pods only. */
export const requestFrom =
  (client: Client): RequestToken =>
  async (pod, request) => {
    const account = pod.spec?.serviceAccountName || 'default';
    const path = `/api/v1/namespaces/${namespaceOf(pod)}/serviceaccounts/${account}/token`;
    // The path answers what is posted to it, with its status.
    return (await client.request({ method: 'POST', path, body: request })) as TokenRequest;
  };

function projectionsOf(pod: Pod): TokenProjection[] {
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return sources.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []);
}

function requestFor(pod: Pod, { audience, expirationSeconds = defaultSeconds }: TokenProjection): TokenRequest {
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience ? [audience] : [],
      expirationSeconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: nameOf(pod), uid: uidOf(pod) },
    },
  };
}

const keyOf = ({ audience = '', expirationSeconds = defaultSeconds }: TokenProjection): string =>
  `${expirationSeconds} ${audience}`;
