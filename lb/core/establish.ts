/**
 * One client's way to a backend, as a pure core: hedged connects, retry on the next backend before a byte is answered,
 * and a TLS hello that is kept until the first answer.
 *
 * - The first candidate is dialled. No connection after `hedgeDelayMs`: the next one is dialled beside it; the first to
 *   connect gets the client's hello and the slower dials are dropped.
 * - No answer to the hello after `answerDelayMs`: the next candidate is dialled too and gets the same hello. The first to
 *   answer wins. This is safe for a TLS hello, which changes nothing at the server; other bytes may be a request, so they
 *   go to the first connection only, which then has won.
 * - A backend that fails is replaced by the next candidate at once; when all have failed, they are ranked and tried
 *   again until `deadlineMs`.
 *
 * No I/O and no timers: the shell calls `step` with `wake` at `nextWake(state)`. A `win` or `give-up` is the last effect.
 */

export interface EstablishConfig {
  /** A dial that has no connection by then is joined by the next candidate's. */
  readonly hedgeDelayMs: number;
  /** A dial that has no connection by then has failed. */
  readonly connectTimeoutMs: number;
  /** A hello that has no answer by then goes to the next candidate too; doubles with each. */
  readonly answerDelayMs: number;
  /** From the client's arrival (or a lost connection) until it is turned away. */
  readonly deadlineMs: number;
  /** Wait before all candidates are tried again. */
  readonly roundPauseMs: number;
}

/** A dial and what has come of it. `asked`: the client's hello was sent over it, at `at`. */
export interface Attempt {
  readonly id: number;
  readonly backend: string;
  readonly phase: 'dialling' | 'connected' | 'asked';
  /** When this phase began. */
  readonly at: number;
  /** It was slow, and the next candidate was called in for it. */
  readonly hedged: boolean;
}

export interface EstablishState {
  readonly config: EstablishConfig;
  readonly deadlineAt: number;
  /** Not tried yet in this round, best first. */
  readonly candidates: readonly string[];
  readonly attempts: readonly Attempt[];
  readonly nextId: number;
  /** What the client has sent: nothing yet, a TLS hello (may be sent twice), or other bytes (may not). */
  readonly hello: 'none' | 'replayable' | 'opaque';
  /** How many times the hello was sent because of a missing answer. */
  readonly answerHedges: number;
  /** All candidates have failed: rank anew then. */
  readonly nextRoundAt: number | undefined;
  readonly settled: boolean;
}

export type EstablishEvent =
  | { readonly type: 'candidates'; readonly order: readonly string[] }
  | { readonly type: 'connected'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number }
  | { readonly type: 'hello'; readonly replayable: boolean }
  | { readonly type: 'answered'; readonly id: number }
  | { readonly type: 'wake' };

/** Why an attempt is dropped: another one won (`unneeded`), or it was too slow. */
export type AbandonReason = 'unneeded' | 'connect-timeout' | 'no-answer';

export type EstablishEffect =
  /** Answer with a `candidates` event. */
  | { readonly type: 'rank' }
  | { readonly type: 'dial'; readonly id: number; readonly backend: string }
  | { readonly type: 'send-hello'; readonly id: number }
  | { readonly type: 'abandon'; readonly id: number; readonly reason: AbandonReason }
  /** This backend was slow, and another one was called in. */
  | { readonly type: 'hedged'; readonly backend: string; readonly cause: 'connect' | 'answer' }
  | { readonly type: 'win'; readonly id: number; readonly backend: string }
  | { readonly type: 'give-up' };

export interface EstablishStep {
  readonly state: EstablishState;
  readonly effects: readonly EstablishEffect[];
}

/** A client has arrived: the first event is `candidates`. */
export function startEstablish(config: EstablishConfig, now: number): EstablishState {
  return {
    config,
    deadlineAt: now + config.deadlineMs,
    candidates: [],
    attempts: [],
    nextId: 1,
    hello: 'none',
    answerHedges: 0,
    nextRoundAt: undefined,
    settled: false,
  };
}

export function step(state: EstablishState, event: EstablishEvent, now: number): EstablishStep {
  if (state.settled) return { state, effects: [] };
  const effects: EstablishEffect[] = [];
  return { state: handle(state, event, now, effects), effects };
}

/** When `step` wants its next `wake`; undefined: only after another event. */
export function nextWake(state: EstablishState): number | undefined {
  if (state.settled) return undefined;
  const times = state.attempts.map((attempt) => wakeOf(attempt, state));
  if (state.nextRoundAt !== undefined) times.push(state.nextRoundAt);
  if (state.attempts.some((attempt) => attempt.phase === 'asked')) times.push(state.deadlineAt);
  const earliest = Math.min(...times);
  return Number.isFinite(earliest) ? earliest : undefined;
}

function handle(state: EstablishState, event: EstablishEvent, now: number, effects: EstablishEffect[]): EstablishState {
  switch (event.type) {
    case 'candidates':
      return dialNext({ ...state, candidates: event.order, nextRoundAt: undefined }, now, effects);
    case 'connected':
      return onConnected(state, event.id, now, effects);
    case 'failed':
      return onFailed(state, event.id, now, effects);
    case 'hello':
      return onHello(state, event.replayable, now, effects);
    case 'answered': {
      const winner = state.attempts.find((attempt) => attempt.id === event.id);
      return winner === undefined ? state : win(state, winner, effects);
    }
    case 'wake':
      return onWake(state, now, effects);
    default:
      return event satisfies never;
  }
}

function onConnected(state: EstablishState, id: number, now: number, effects: EstablishEffect[]): EstablishState {
  const attempt = state.attempts.find((one) => one.id === id);
  if (attempt === undefined) return state;
  const connected: Attempt = { ...attempt, phase: 'connected', at: now, hedged: false };
  if (state.hello === 'opaque') return win(state, connected, effects);
  // The first to connect goes on; those that are still dialling were slower. One that was asked may answer yet.
  const kept = state.attempts.filter((one) => one.id !== id && one.phase === 'asked');
  for (const other of state.attempts) {
    if (other.id !== id && other.phase !== 'asked') effects.push({ type: 'abandon', id: other.id, reason: 'unneeded' });
  }
  if (state.hello === 'none') return { ...state, attempts: [...kept, connected] };
  effects.push({ type: 'send-hello', id });
  return { ...state, attempts: [...kept, { ...connected, phase: 'asked' }] };
}

function onHello(state: EstablishState, replayable: boolean, now: number, effects: EstablishEffect[]): EstablishState {
  if (state.hello !== 'none') return state;
  const next: EstablishState = { ...state, hello: replayable ? 'replayable' : 'opaque' };
  const ready = state.attempts.find((attempt) => attempt.phase === 'connected');
  if (ready === undefined) return next;
  if (!replayable) return win(next, ready, effects);
  effects.push({ type: 'send-hello', id: ready.id });
  // The time until the hello was the client's own; the deadline is for ours.
  const asked: Attempt = { ...ready, phase: 'asked', at: now, hedged: false };
  const deadlineAt = Math.max(state.deadlineAt, now + state.config.deadlineMs);
  return { ...next, deadlineAt, attempts: state.attempts.map((one) => (one.id === ready.id ? asked : one)) };
}

function onFailed(state: EstablishState, id: number, now: number, effects: EstablishEffect[]): EstablishState {
  const failed = state.attempts.find((attempt) => attempt.id === id);
  if (failed === undefined) return state;
  const next = { ...state, attempts: state.attempts.filter((attempt) => attempt.id !== id) };
  // A connection that was lost while the client had nothing to say yet starts the client's time anew.
  const restarted =
    failed.phase === 'connected' && state.hello === 'none'
      ? { ...next, deadlineAt: Math.max(state.deadlineAt, now + state.config.deadlineMs) }
      : next;
  // Another attempt that is not late may still make it; its own hedge comes if not.
  return restarted.attempts.some((attempt) => !attempt.hedged) ? restarted : dialNext(restarted, now, effects);
}

function onWake(state: EstablishState, now: number, effects: EstablishEffect[]): EstablishState {
  let next = state;
  for (const attempt of state.attempts) {
    if (wakeOf(attempt, next) > now) continue;
    if (attempt.phase === 'dialling' && now - attempt.at >= state.config.connectTimeoutMs) {
      effects.push({ type: 'abandon', id: attempt.id, reason: 'connect-timeout' });
      next = onFailed(next, attempt.id, now, effects);
    } else if (!attempt.hedged) {
      const answer = attempt.phase === 'asked';
      effects.push({ type: 'hedged', backend: attempt.backend, cause: answer ? 'answer' : 'connect' });
      const late = { ...attempt, hedged: true };
      const attempts = next.attempts.map((one) => (one.id === attempt.id ? late : one));
      next = dialNext({ ...next, attempts, answerHedges: next.answerHedges + (answer ? 1 : 0) }, now, effects);
    }
  }
  const asked = next.attempts.find((attempt) => attempt.phase === 'asked');
  // Nobody is quicker: the client's own patience decides from here.
  if (asked !== undefined && now >= next.deadlineAt) return win(next, asked, effects);
  if (next.nextRoundAt !== undefined && now >= next.nextRoundAt) {
    next = { ...next, nextRoundAt: undefined };
    effects.push({ type: 'rank' });
  }
  return next;
}

/** When this attempt is late, or has failed; never for one that waits for the client's bytes. */
function wakeOf(attempt: Attempt, { config, answerHedges }: EstablishState): number {
  switch (attempt.phase) {
    case 'connected':
      return Number.POSITIVE_INFINITY;
    case 'dialling':
      return (
        attempt.at + (attempt.hedged ? config.connectTimeoutMs : Math.min(config.hedgeDelayMs, config.connectTimeoutMs))
      );
    case 'asked':
      return attempt.hedged ? Number.POSITIVE_INFINITY : attempt.at + config.answerDelayMs * 2 ** answerHedges;
    default:
      return attempt.phase satisfies never;
  }
}

function dialNext(state: EstablishState, now: number, effects: EstablishEffect[]): EstablishState {
  const busy = new Set(state.attempts.map((attempt) => attempt.backend));
  const candidates = state.candidates.filter((name) => !busy.has(name));
  const [backend, ...rest] = candidates;
  if (backend !== undefined) {
    const id = state.nextId;
    effects.push({ type: 'dial', id, backend });
    const attempt: Attempt = { id, backend, phase: 'dialling', at: now, hedged: false };
    return { ...state, candidates: rest, attempts: [...state.attempts, attempt], nextId: id + 1 };
  }
  const nextRoundAt = now + state.config.roundPauseMs;
  if (nextRoundAt < state.deadlineAt) return { ...state, candidates, nextRoundAt };
  if (state.attempts.length > 0) return { ...state, candidates };
  effects.push({ type: 'give-up' });
  return { ...state, settled: true };
}

function win(state: EstablishState, winner: Attempt, effects: EstablishEffect[]): EstablishState {
  for (const other of state.attempts) {
    if (other.id === winner.id) continue;
    const reason = other.phase === 'asked' && other.hedged ? 'no-answer' : 'unneeded';
    effects.push({ type: 'abandon', id: other.id, reason });
  }
  effects.push({ type: 'win', id: winner.id, backend: winner.backend });
  return { ...state, attempts: [winner], settled: true };
}
