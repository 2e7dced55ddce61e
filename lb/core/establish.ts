/**
 * One client's way to a backend, as a pure core: hedged connects, retry on the next backend before a byte is answered,
 * and a TLS hello that is kept until the first answer.
 *
 * - The first candidate is dialled. No connection after `hedgeDelayMs`: the next one is dialled beside it; the first to
 *   connect gets the client's hello and the slower dials are dropped.
 * - No answer to the hello after `answerDelayMs`: the next candidate is dialled too and gets the same hello. The first to
 *   answer wins. This is safe for a TLS hello, which changes nothing at the server; other bytes may be a request, so they
 *   go to the first connection only, which then has won.
 * - Such a second try is asked for first (`may-hedge`): when all masters are slow, each client's hello to each of them
 *   would be their end. One that is refused is asked for again a little later.
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
  /** Wait before a hedge that was refused is asked for again. */
  readonly hedgeRetryMs: number;
}

/** A dial and what has come of it. `asked`: the client's hello was sent over it, at `at`. */
export interface Attempt {
  readonly id: number;
  readonly backend: string;
  readonly phase: 'dialling' | 'connected' | 'asked';
  /** When this phase began. */
  readonly at: number;
  /** When it is late, if it is in this phase still: the next candidate is called in. */
  readonly lateAt: number;
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
  /** The answer to `may-hedge`. */
  | { readonly type: 'hedge'; readonly id: number; readonly granted: boolean }
  | { readonly type: 'wake' };

/** Why an attempt is dropped: another one won (`unneeded`), or it was too slow. */
export type AbandonReason = 'unneeded' | 'connect-timeout' | 'no-answer';

export type EstablishEffect =
  /** Answer with a `candidates` event. */
  | { readonly type: 'rank' }
  | { readonly type: 'dial'; readonly id: number; readonly backend: string }
  | { readonly type: 'send-hello'; readonly id: number }
  | { readonly type: 'abandon'; readonly id: number; readonly reason: AbandonReason }
  /** This attempt is slow: answer with a `hedge` event whether another backend may be called in. */
  | {
      readonly type: 'may-hedge';
      readonly id: number;
      readonly backend: string;
      readonly cause: 'connect' | 'answer';
    }
  /** This backend is slow, and there is no other to call in. */
  | { readonly type: 'slow'; readonly backend: string; readonly cause: 'connect' | 'answer' }
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
  const times = state.attempts.map((attempt) => wakeOf(attempt, state.config));
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
    case 'hedge':
      return onHedge(state, event.id, event.granted, now, effects);
    case 'wake':
      return onWake(state, now, effects);
    default:
      return event satisfies never;
  }
}

function onConnected(state: EstablishState, id: number, now: number, effects: EstablishEffect[]): EstablishState {
  const attempt = state.attempts.find((one) => one.id === id);
  if (attempt === undefined) return state;
  const connected: Attempt = { ...attempt, phase: 'connected', at: now, lateAt: never, hedged: false };
  if (state.hello === 'opaque') return win(state, connected, effects);
  // The first to connect goes on; those that are still dialling were slower. One that was asked may answer yet.
  const kept = state.attempts.filter((one) => one.id !== id && one.phase === 'asked');
  for (const other of state.attempts) {
    if (other.id !== id && other.phase !== 'asked') effects.push({ type: 'abandon', id: other.id, reason: 'unneeded' });
  }
  if (state.hello === 'none') return { ...state, attempts: [...kept, connected] };
  effects.push({ type: 'send-hello', id });
  return { ...state, attempts: [...kept, asked(connected, state, now)] };
}

function onHello(state: EstablishState, replayable: boolean, now: number, effects: EstablishEffect[]): EstablishState {
  if (state.hello !== 'none') return state;
  const next: EstablishState = { ...state, hello: replayable ? 'replayable' : 'opaque' };
  const ready = state.attempts.find((attempt) => attempt.phase === 'connected');
  if (ready === undefined) return next;
  if (!replayable) return win(next, ready, effects);
  effects.push({ type: 'send-hello', id: ready.id });
  // The time until the hello was the client's own; the deadline is for ours.
  const deadlineAt = Math.max(state.deadlineAt, now + state.config.deadlineMs);
  return { ...next, deadlineAt, attempts: replaced(state.attempts, asked(ready, state, now)) };
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
    if (wakeOf(attempt, next.config) > now) continue;
    if (attempt.phase === 'dialling' && now - attempt.at >= state.config.connectTimeoutMs) {
      effects.push({ type: 'abandon', id: attempt.id, reason: 'connect-timeout' });
      next = onFailed(next, attempt.id, now, effects);
    } else if (!attempt.hedged) {
      const cause = attempt.phase === 'asked' ? 'answer' : 'connect';
      const { id, backend } = attempt;
      const late = { ...attempt, lateAt: now + state.config.hedgeRetryMs };
      next = { ...next, attempts: replaced(next.attempts, late) };
      if (untried(next).length > 0) {
        effects.push({ type: 'may-hedge', id, backend, cause });
      } else {
        // Nobody is left to call in; they are ranked anew soon.
        effects.push({ type: 'slow', backend, cause });
        next = onHedge(next, id, true, now, effects);
      }
    }
  }
  const waiting = next.attempts.find((attempt) => attempt.phase === 'asked');
  // Nobody is quicker: the client's own patience decides from here.
  if (waiting !== undefined && now >= next.deadlineAt) return win(next, waiting, effects);
  if (next.nextRoundAt !== undefined && now >= next.nextRoundAt) {
    next = { ...next, nextRoundAt: undefined };
    effects.push({ type: 'rank' });
  }
  return next;
}

function onHedge(
  state: EstablishState,
  id: number,
  granted: boolean,
  now: number,
  effects: EstablishEffect[],
): EstablishState {
  const late = state.attempts.find((attempt) => attempt.id === id);
  if (late === undefined || !granted || late.hedged || late.phase === 'connected') return state;
  const attempts = replaced(state.attempts, { ...late, hedged: true });
  const answerHedges = state.answerHedges + (late.phase === 'asked' ? 1 : 0);
  return dialNext({ ...state, attempts, answerHedges }, now, effects);
}

const never = Number.POSITIVE_INFINITY;

/** When this attempt is late, or has failed; never for one that waits for the client's bytes. */
function wakeOf(attempt: Attempt, config: EstablishConfig): number {
  const lateAt = attempt.hedged ? never : attempt.lateAt;
  return attempt.phase === 'dialling' ? Math.min(lateAt, attempt.at + config.connectTimeoutMs) : lateAt;
}

/** The hello is sent over it now. */
function asked(attempt: Attempt, { config, answerHedges }: EstablishState, now: number): Attempt {
  return { ...attempt, phase: 'asked', at: now, lateAt: now + config.answerDelayMs * 2 ** answerHedges, hedged: false };
}

function replaced(attempts: readonly Attempt[], by: Attempt): readonly Attempt[] {
  return attempts.map((one) => (one.id === by.id ? by : one));
}

function untried({ attempts, candidates }: EstablishState): readonly string[] {
  return candidates.filter((name) => !attempts.some(({ backend }) => backend === name));
}

function dialNext(state: EstablishState, now: number, effects: EstablishEffect[]): EstablishState {
  const candidates = untried(state);
  const [backend, ...rest] = candidates;
  if (backend !== undefined) {
    const id = state.nextId;
    effects.push({ type: 'dial', id, backend });
    const lateAt = now + state.config.hedgeDelayMs;
    const attempt: Attempt = { id, backend, phase: 'dialling', at: now, lateAt, hedged: false };
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
