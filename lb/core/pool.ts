/**
 * The backends' health as a pure core: `step(state, event, now)` gives the next state and what the shell is to do.
 *
 * A backend is checked at jittered intervals. One failed check, or a sign of trouble from the traffic, makes it suspect
 * and checks it again at once over a new connection; `fall` failures in a row make it down. A check that has no answer
 * after half its time is joined by a second one over a new connection, so that silence is confirmed within one
 * time-out instead of two, and within a shorter one when the traffic is silent too. A check alone is not believed for a
 * while as long as the traffic still hears from the backend. A backend that was down must pass `rise` checks.
 *
 * No I/O, no timers, no randomness of its own: the shell calls `step` with a `wake` event at `nextWake(state)`.
 */
import type {
  BackendAddress,
  BackendState,
  CheckFailure,
  Health,
  PoolConfig,
  PoolEffect,
  PoolEvent,
  PoolState,
  PoolStep,
} from './pool-state.ts';

/** Throws on settings that cannot work together. */
export function createPool(config: PoolConfig, backends: readonly BackendAddress[], now: number): PoolState {
  if (config.checkTimeoutMs <= 0 || config.checkIntervalMs <= 0 || config.suspectTimeoutMs <= 0) {
    throw new Error('the check interval and the check time-outs must be greater than zero');
  }
  if (config.fall < 1 || config.rise < 1) throw new Error('fall and rise must be at least 1');
  requireDistinct(backends);
  return { config, backends: backends.map((backend) => newBackend(backend, now)), nextCheckId: 1, cursor: 0 };
}

export function step(state: PoolState, event: PoolEvent, now: number): PoolStep {
  switch (event.type) {
    case 'wake':
      return startDueChecks(state, now);
    case 'check-passed':
      return onCheckPassed(state, event.id, now);
    case 'check-failed':
      return onCheckFailed(state, event, now);
    case 'suspicion':
      return onSuspicion(state, event.backend, event.weight, now);
    case 'connection-opened':
      return quiet(change(state, event.backend, (b) => ({ ...b, connections: b.connections + 1 })));
    case 'connection-closed':
      return quiet(change(state, event.backend, (b) => ({ ...b, connections: Math.max(0, b.connections - 1) })));
    case 'breaker-opened':
      return quiet(change(state, event.backend, (b) => ({ ...b, breakerOpenUntil: event.until })));
    case 'breaker-closed':
      return quiet(change(state, event.backend, (b) => ({ ...b, breakerOpenUntil: 0 })));
    case 'draining':
      return quiet(change(state, event.backend, (b) => ({ ...b, draining: event.draining })));
    case 'backends':
      return onBackends(state, event.backends, now);
    default:
      return event satisfies never;
  }
}

/** When `step` wants its next `wake`; undefined: only after another event. */
export function nextWake(state: PoolState): number | undefined {
  let earliest: number | undefined;
  for (const backend of state.backends) {
    const at = dueAt(backend, state.config);
    if (at !== undefined && (earliest === undefined || at < earliest)) earliest = at;
  }
  return earliest;
}

/** When this backend's next check is due: its turn, or the second look at a first check that is slow. */
function dueAt(backend: BackendState, config: PoolConfig): number | undefined {
  const [first, second] = backend.checks;
  if (first === undefined) return backend.nextCheckAt;
  const mayConfirm = second === undefined && !first.joins && backend.health.kind !== 'down' && config.fall > 1;
  return mayConfirm ? first.startedAt + first.timeoutMs / 2 : undefined;
}

function startDueChecks(state: PoolState, now: number): PoolStep {
  const effects: PoolEffect[] = [];
  let nextCheckId = state.nextCheckId;
  const backends = state.backends.map((backend) => {
    const at = dueAt(backend, state.config);
    if (at === undefined || at > now) return backend;
    const [first] = backend.checks;
    const id = nextCheckId++;
    const { checkTimeoutMs, suspectTimeoutMs } = state.config;
    const wholeMs = backend.suspected ? Math.min(checkTimeoutMs, suspectTimeoutMs) : checkTimeoutMs;
    const timeoutMs = first === undefined ? wholeMs : first.timeoutMs / 2;
    effects.push({
      type: 'check',
      id,
      backend: { name: backend.name, host: backend.host, port: backend.port },
      fresh: first !== undefined || backend.health.kind !== 'up',
      timeoutMs,
    });
    const checks = [...backend.checks, { id, startedAt: now, timeoutMs, joins: first !== undefined }];
    return { ...backend, checks, lastCheckAt: now, suspected: false };
  });
  return effects.length === 0 ? quiet(state) : { state: { ...state, backends, nextCheckId }, effects };
}

function onCheckPassed(state: PoolState, id: number, now: number): PoolStep {
  const backend = backendOfCheck(state, id);
  if (backend === undefined) return quiet(state);
  const effects: PoolEffect[] = cancelOthers(backend, id);
  const health = afterPass(backend.health, state.config.rise);
  const returning = health.kind === 'down';
  const wait = returning ? state.config.recheckMs : state.config.checkIntervalMs;
  const next: BackendState = {
    ...withHealth(backend, health, now, effects, ''),
    checks: [],
    nextCheckAt: now + jittered(wait, state.config),
    suspected: false,
    excused: 0,
    returnedAt: backend.health.kind === 'down' && !returning ? now : backend.returnedAt,
  };
  const after = change(state, backend.name, () => next);
  if (health.kind === 'up' && backend.health.kind !== 'up') {
    if (backend.health.kind === 'down') effects.push({ type: 'reset-breaker', backend: backend.name });
    // Now there is somewhere better to go for the clients of masters that answer but are not ready.
    for (const other of after.backends) {
      if (other.health.kind === 'down' && other.connections > 0) {
        const inOrder = other.health.failure === 'unready';
        effects.push({ type: 'close-connections', backend: other.name, reason: `${other.name} is not ready`, inOrder });
      }
    }
  }
  return { state: after, effects };
}

function afterPass(health: Health, rise: number): Health {
  if (health.kind !== 'down') return { kind: 'up' };
  const passes = health.passes + 1;
  return passes >= rise ? { kind: 'up' } : { ...health, passes };
}

function onCheckFailed(state: PoolState, event: PoolEvent & { type: 'check-failed' }, now: number): PoolStep {
  const { id, failure, detail } = event;
  const backend = backendOfCheck(state, id);
  if (backend === undefined) return quiet(state);
  if (isExcused(backend, event, now)) {
    const next = {
      ...backend,
      detail,
      checks: [],
      excused: backend.excused + 1,
      nextCheckAt: now + jittered(state.config.recheckMs, state.config),
    };
    return { state: change(state, backend.name, () => next), effects: cancelOthers(backend, id) };
  }
  const health = afterFailure(backend.health, failure, state.config.fall);
  const down = health.kind === 'down';
  const effects: PoolEffect[] = down ? cancelOthers(backend, id) : [];
  const closes = down && mustClose(failure, backend.health, state, backend.name);
  // Connections that are kept for now want a second look soon.
  const wait = down && (closes || failure !== 'silent') ? state.config.checkIntervalMs : state.config.recheckMs;
  const next: BackendState = {
    ...withHealth(backend, health, now, effects, detail),
    checks: down ? [] : backend.checks.filter((check) => check.id !== id),
    nextCheckAt: now + jittered(wait, state.config),
  };
  if (closes && backend.connections > 0) {
    const reason = `${backend.name} is down: ${detail}`;
    effects.push({ type: 'close-connections', backend: backend.name, reason, inOrder: failure === 'unready' });
  }
  return { state: change(state, backend.name, () => next), effects };
}

function afterFailure(health: Health, failure: CheckFailure, fall: number): Health {
  switch (health.kind) {
    case 'unknown':
    case 'down':
      return { kind: 'down', failure, passes: 0 };
    case 'up':
      return fall <= 1 ? { kind: 'down', failure, passes: 0 } : { kind: 'suspect', failures: 1 };
    case 'suspect':
      return health.failures + 1 >= fall
        ? { kind: 'down', failure, passes: 0 }
        : { kind: 'suspect', failures: health.failures + 1 };
    default:
      return health satisfies never;
  }
}

/**
 * No answer in time, but the traffic has heard from it a moment ago: it is slow, not gone. Believed a few times only, since
 * a server may go on with old streams and answer nothing new.
 */
function isExcused(backend: BackendState, event: PoolEvent & { type: 'check-failed' }, now: number): boolean {
  const check = backend.checks.find(({ id }) => id === event.id);
  if (check === undefined || event.failure !== 'silent' || event.heardAt === undefined) return false;
  if (backend.health.kind === 'down' || backend.excused >= excuses) return false;
  return now - event.heardAt < check.timeoutMs / 2;
}

const excuses = 3;

/**
 * Clients of a master that refuses gain by an error now, those of one that answers only if another master is up. So do
 * those of a silent one; if there is no other, a machine that is held up as a whole is likelier than the end of all
 * masters, and they are closed only when its next check fails too.
 */
function mustClose(failure: CheckFailure, before: Health, state: PoolState, name: string): boolean {
  if (failure === 'refused' || (failure === 'silent' && before.kind === 'down')) return true;
  return state.backends.some((other) => other.name !== name && other.health.kind === 'up');
}

function onSuspicion(state: PoolState, name: string, weight: 'hint' | 'failure', now: number): PoolStep {
  const backend = find(state, name);
  if (backend === undefined || backend.health.kind === 'down' || backend.health.kind === 'unknown') return quiet(state);
  const effects: PoolEffect[] = [];
  const suspect: Health =
    weight === 'failure' && backend.health.kind === 'up' ? { kind: 'suspect', failures: 0 } : backend.health;
  // A storm of bad signs asks no more often than every recheckMs.
  const checkAt = Math.max(now, backend.lastCheckAt + state.config.recheckMs);
  const next = {
    ...withHealth(backend, suspect, now, effects, backend.detail),
    nextCheckAt: Math.min(backend.nextCheckAt, checkAt),
    suspected: true,
  };
  const started = startDueChecks(
    change(state, name, () => next),
    now,
  );
  return { state: started.state, effects: [...effects, ...started.effects] };
}

function onBackends(state: PoolState, addresses: readonly BackendAddress[], now: number): PoolStep {
  requireDistinct(addresses);
  const effects: PoolEffect[] = [];
  const backends = addresses.map((address) => {
    const known = find(state, address.name);
    return known !== undefined && known.host === address.host && known.port === address.port
      ? known
      : newBackend(address, now);
  });
  for (const old of state.backends) {
    if (backends.includes(old)) continue;
    for (const check of old.checks) effects.push({ type: 'cancel-check', id: check.id });
    const inOrder = old.health.kind !== 'down' || old.health.failure === 'unready';
    effects.push({ type: 'close-connections', backend: old.name, reason: `${old.name} was removed`, inOrder });
  }
  const started = startDueChecks({ ...state, backends }, now);
  return { state: started.state, effects: [...effects, ...started.effects] };
}

function newBackend({ name, host, port }: BackendAddress, now: number): BackendState {
  return {
    name,
    host,
    port,
    health: { kind: 'unknown' },
    since: now,
    detail: '',
    breakerOpenUntil: 0,
    draining: false,
    connections: 0,
    checks: [],
    nextCheckAt: now,
    lastCheckAt: Number.NEGATIVE_INFINITY,
    suspected: false,
    excused: 0,
    returnedAt: Number.NEGATIVE_INFINITY,
  };
}

function withHealth(
  backend: BackendState,
  health: Health,
  now: number,
  effects: PoolEffect[],
  detail: string,
): BackendState {
  const changed = health.kind !== backend.health.kind;
  if (changed) {
    effects.push({
      type: 'health-changed',
      backend: backend.name,
      from: backend.health.kind,
      to: health.kind,
      detail,
    });
  }
  return { ...backend, health, detail, since: changed ? now : backend.since };
}

function cancelOthers(backend: BackendState, id: number): PoolEffect[] {
  return backend.checks.filter((check) => check.id !== id).map((check) => ({ type: 'cancel-check', id: check.id }));
}

/** Up to a tenth early, so that several balancers do not ask all at once for ever. */
function jittered(ms: number, config: PoolConfig): number {
  return ms * (1 - 0.1 * config.random());
}

function backendOfCheck(state: PoolState, id: number): BackendState | undefined {
  return state.backends.find((backend) => backend.checks.some((check) => check.id === id));
}

function find(state: PoolState, name: string): BackendState | undefined {
  return state.backends.find((backend) => backend.name === name);
}

function change(state: PoolState, name: string, update: (backend: BackendState) => BackendState): PoolState {
  return { ...state, backends: state.backends.map((backend) => (backend.name === name ? update(backend) : backend)) };
}

function quiet(state: PoolState): PoolStep {
  return { state, effects: [] };
}

function requireDistinct(backends: readonly BackendAddress[]): void {
  const seen = new Set<string>();
  for (const { name } of backends) {
    if (seen.has(name)) throw new Error(`backend ${JSON.stringify(name)} is given twice`);
    seen.add(name);
  }
}
