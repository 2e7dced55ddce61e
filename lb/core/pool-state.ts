/** What the pool of backends knows, what it can be told, and what it asks of its shell; see pool.ts. */

/** Why a check failed: it answered "not ready", did not answer in time, refused, or broke off (also a bad certificate). */
export type CheckFailure = 'unready' | 'silent' | 'refused' | 'broken';

export type Health =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'up' }
  | { readonly kind: 'suspect'; readonly failures: number }
  | { readonly kind: 'down'; readonly failure: CheckFailure; readonly passes: number };

/** A name and where it listens; `host` is looked up anew for each connection. */
export interface BackendAddress {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

export interface RunningCheck {
  readonly id: number;
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** It was started beside a slow one; nobody joins it. */
  readonly joins: boolean;
}

export interface BackendState extends BackendAddress {
  readonly health: Health;
  /** When `health.kind` last changed. */
  readonly since: number;
  /** What the last failed check said; empty when the last one passed. */
  readonly detail: string;
  /** Passive: the circuit breaker refuses this backend until then (0: closed). */
  readonly breakerOpenUntil: number;
  /** Told to take no new connections while there are others. */
  readonly draining: boolean;
  /** Connections that were handed to this backend and are still open. */
  readonly connections: number;
  /** Invariant: at most two, the second joins a first one that is slow. */
  readonly checks: readonly RunningCheck[];
  readonly nextCheckAt: number;
  readonly lastCheckAt: number;
  /** The next check is made because the traffic looks bad. */
  readonly suspected: boolean;
  /** Checks in a row without an answer that were not believed, because the traffic heard from the backend. */
  readonly excused: number;
  /** When it last came back from being down; see choice.ts. */
  readonly returnedAt: number;
}

export interface PoolConfig {
  readonly checkIntervalMs: number;
  readonly checkTimeoutMs: number;
  /** The same for a check that a bad sign from the traffic asked for. */
  readonly suspectTimeoutMs: number;
  /** Wait before a suspect or a returning backend is checked again. */
  readonly recheckMs: number;
  /** Failures in a row that make a backend down. */
  readonly fall: number;
  /** Passes in a row that bring a down backend back. */
  readonly rise: number;
  /** For so long after its return a backend gets less than its share of new connections. */
  readonly slowStartMs: number;
  /** In [0, 1): spreads the checks of several balancers over time. */
  readonly random: () => number;
}

export interface PoolState {
  readonly config: PoolConfig;
  readonly backends: readonly BackendState[];
  readonly nextCheckId: number;
  /** Moves on with each choice; see choice.ts. */
  readonly cursor: number;
}

export type PoolEvent =
  | { readonly type: 'wake' }
  | { readonly type: 'check-passed'; readonly id: number }
  | {
      readonly type: 'check-failed';
      readonly id: number;
      readonly failure: CheckFailure;
      readonly detail: string;
      /** When the traffic last heard from the backend. */
      readonly heardAt?: number;
    }
  /** The traffic looks bad: `failure` makes the backend suspect, `hint` only checks it now. */
  | { readonly type: 'suspicion'; readonly backend: string; readonly weight: 'hint' | 'failure' }
  | { readonly type: 'connection-opened'; readonly backend: string }
  | { readonly type: 'connection-closed'; readonly backend: string }
  | { readonly type: 'breaker-opened'; readonly backend: string; readonly until: number }
  | { readonly type: 'breaker-closed'; readonly backend: string }
  | { readonly type: 'draining'; readonly backend: string; readonly draining: boolean }
  | { readonly type: 'backends'; readonly backends: readonly BackendAddress[] };

export type PoolEffect =
  | {
      readonly type: 'check';
      readonly id: number;
      readonly backend: BackendAddress;
      /** Over a new connection; otherwise one that is kept alive may be used. */
      readonly fresh: boolean;
      readonly timeoutMs: number;
    }
  | { readonly type: 'cancel-check'; readonly id: number }
  | {
      readonly type: 'close-connections';
      readonly backend: string;
      readonly reason: string;
      /** It still answers: what is under way gets a moment to end. */
      readonly inOrder: boolean;
    }
  | { readonly type: 'reset-breaker'; readonly backend: string }
  | {
      readonly type: 'health-changed';
      readonly backend: string;
      readonly from: Health['kind'];
      readonly to: Health['kind'];
      readonly detail: string;
    };

export interface PoolStep {
  readonly state: PoolState;
  readonly effects: readonly PoolEffect[];
}
