/**
 * The decisions of leader election, as a pure function: `step(state, event, now)` gives the next state and what to do.
 *
 * The lock is a Lease. Whoever's identity it names leads until its renewals stop; time is measured only on this process's
 * own clock, from the moment at which it saw the Lease change, so clocks need not agree. What makes it safe is not the
 * time but the fence: each acquisition raises the generation (see `fence.ts`), and writes of older ones are refused.
 *
 * The shell (`leader-elector.ts`) watches the Lease, carries out the effects and feeds their results back as events.
 */

export interface ElectionConfig {
  readonly identity: string;
  /** How long the others wait, after the last sign of life, before they take the lease. */
  readonly leaseDurationMs: number;
  /** How long a leader goes on without a successful renewal. */
  readonly renewDeadlineMs: number;
  /** How long to wait between two tries to acquire or renew. */
  readonly retryPeriodMs: number;
  /** A number in [0, 1): spreads the tries of several standbys. */
  readonly random: () => number;
}

/**
 * A killed master's leads move within two seconds: at most the lease's duration after the last renewal, and a moment. The renew
 * deadline outlasts an ordinary election of etcd's (its time-out is 0.5 s), so that a leader lives through that.
 */
export const defaultTimings = { leaseDurationMs: 1_700, renewDeadlineMs: 1_400, retryPeriodMs: 250 };

/**
 * How long a clean stop waits for the work of the term before the lease goes: a standby should not wait for last answers. Until it
 * has the lease, two writes later, they are still accepted; afterwards the fence refuses them.
 */
export const handOverMs = 5;

/** What a Lease says. */
export interface LeaseRecord {
  /** '' when the lease was released. */
  readonly holder: string;
  readonly generation: number;
  /** The resourceVersion, which a write must compare. */
  readonly version: string;
}

type Role =
  | { readonly name: 'standby' }
  | { readonly name: 'leading'; readonly generation: number; readonly renewedMs: number }
  /** The lead's work is being stopped; nothing is acquired until it has ended. At `releaseAtMs` the lease goes anyway. */
  | { readonly name: 'steppingDown'; readonly releaseAtMs: number | undefined }
  | { readonly name: 'releasing' }
  | { readonly name: 'stopped' };

export interface ElectionState {
  readonly role: Role;
  /** undefined until the Lease was looked at once; null where there is none. */
  readonly lease: LeaseRecord | null | undefined;
  /** When this process saw `lease` change last. */
  readonly observedMs: number;
  /** The write under way, and when it was sent. */
  readonly writing:
    | { readonly purpose: WritePurpose; readonly sentMs: number; readonly expectedVersion: string | undefined }
    | undefined;
  /** The acquisition that was tried last: its generation, and when it was first sent, or when the one that succeeded was. */
  readonly claim: { readonly generation: number; readonly sentMs: number } | undefined;
  /** No write before this time. */
  readonly notBeforeMs: number;
  readonly stopping: boolean;
  /** The last generation that this process led in. Invariant: it never leads in one again. */
  readonly lastGeneration: number;
}

type WritePurpose = 'acquire' | 'renew' | 'release';

export type ElectionEvent =
  /** The Lease as a watch or a read showed it; null where there is none. */
  | { readonly type: 'observed'; readonly lease: LeaseRecord | null }
  | { readonly type: 'written'; readonly lease: LeaseRecord }
  /** The write was refused, or its outcome is not known. */
  | { readonly type: 'writeFailed' }
  /** The work of the term has ended. */
  | { readonly type: 'ended' }
  | { readonly type: 'tick' }
  /** Leave for good, releasing what is held. */
  | { readonly type: 'stop' };

export type ElectionEffect =
  | {
      readonly type: 'write';
      readonly purpose: WritePurpose;
      readonly holder: string;
      readonly generation: number;
      /** The version to compare with; undefined: the Lease must not exist. */
      readonly expectedVersion: string | undefined;
    }
  /** Read the Lease: a write failed, and nothing that was seen since says why, so what is known of it may be wrong. */
  | { readonly type: 'read' }
  | { readonly type: 'lead'; readonly generation: number }
  | { readonly type: 'stepDown'; readonly reason: string }
  | { readonly type: 'wake'; readonly atMs: number };

export interface ElectionStep {
  readonly state: ElectionState;
  readonly effects: readonly ElectionEffect[];
}

export const initialElection: ElectionState = {
  role: { name: 'standby' },
  lease: undefined,
  observedMs: 0,
  writing: undefined,
  claim: undefined,
  notBeforeMs: 0,
  stopping: false,
  lastGeneration: 0,
};

/** Throws an Error unless lease duration > renew deadline > retry period × 1.2 > 0 (client-go's rule). */
export function checkTimings({
  leaseDurationMs,
  renewDeadlineMs,
  retryPeriodMs,
}: Omit<ElectionConfig, 'identity' | 'random'>): void {
  if (!(leaseDurationMs > renewDeadlineMs))
    throw new Error('the lease duration must be greater than the renew deadline');
  if (!(renewDeadlineMs > retryPeriodMs * jitter)) {
    throw new Error(`the renew deadline must be greater than the retry period times ${jitter}`);
  }
  if (!(retryPeriodMs > 0)) throw new Error('the retry period must be greater than zero');
}

const jitter = 1.2;

/** The next state and what to do, after an event at `now` (milliseconds of a clock that never goes back). */
export function step(state: ElectionState, event: ElectionEvent, now: number, config: ElectionConfig): ElectionStep {
  const seen = take(state, event, now, config);
  const decided = decide(seen.state, now, config);
  return { state: decided.state, effects: [...seen.effects, ...decided.effects] };
}

/** What the event itself changes. */
function take(state: ElectionState, event: ElectionEvent, now: number, config: ElectionConfig): ElectionStep {
  switch (event.type) {
    case 'tick':
      return { state, effects: [] };
    case 'stop':
      return { state: { ...state, stopping: true }, effects: [] };
    case 'ended':
      return { state: { ...state, role: afterTerm(state.role) }, effects: [] };
    case 'observed':
      return { state: observe(state, event.lease, now), effects: [] };
    case 'written':
      return { state: written(state, event.lease, now), effects: [] };
    case 'writeFailed': {
      const wait = config.retryPeriodMs * (1 + config.random() * (jitter - 1));
      const next = { ...state, writing: undefined, notBeforeMs: now + wait };
      // A release is tried once: the lease runs out by itself.
      if (isReleased(state)) return { state: { ...next, role: { name: 'stopped' } }, effects: [] };
      // Who lost a race has seen the winner already, as a rule. That needs no question, in a moment in which everybody has enough to do.
      const seenSince = state.lease?.version !== state.writing?.expectedVersion;
      return { state: next, effects: seenSince ? [] : [{ type: 'read' }] };
    }
  }
}

function observe(state: ElectionState, lease: LeaseRecord | null, now: number): ElectionState {
  const known = state.lease;
  if (lease && known && !newer(lease.version, known.version)) return state;
  const { role } = state;
  // A leader's own renewal may land although it was thought lost; its next write has the right version now, and need not wait.
  const ours = (role.name === 'leading' || role.name === 'releasing') && lease?.holder === known?.holder;
  return { ...state, lease, observedMs: now, notBeforeMs: ours ? now : state.notBeforeMs };
}

function written(state: ElectionState, lease: LeaseRecord, now: number): ElectionState {
  const { writing, role } = state;
  const next = { ...observe(state, lease, now), writing: undefined };
  if (isReleased(state)) return { ...next, role: { name: 'stopped' } };
  // The lease counts from when the write was sent: the others may have seen it that early.
  if (role.name === 'leading') return { ...next, role: { ...role, renewedMs: writing?.sentMs ?? now } };
  if (writing?.purpose !== 'acquire') return next;
  return { ...next, claim: { generation: lease.generation, sentMs: writing.sentMs } };
}

/** Whether the write under way is the release; a renewal or an acquisition may have been sent before it. */
const isReleased = ({ role, writing }: ElectionState): boolean =>
  role.name === 'releasing' && writing?.purpose === 'release';

function afterTerm(role: Role): Role {
  if (role.name !== 'steppingDown') return role;
  return role.releaseAtMs === undefined ? { name: 'standby' } : { name: 'releasing' };
}

/** What follows from the state as it is now. */
function decide(state: ElectionState, now: number, config: ElectionConfig): ElectionStep {
  const { role } = state;
  switch (role.name) {
    case 'standby':
      if (!state.stopping) return standby(state, now, config);
      // An acquisition under way may still succeed; then it must be released.
      return state.writing ? { state, effects: [] } : release({ ...state, role: { name: 'releasing' } }, now, config);
    case 'leading':
      return leading(state, role, now, config);
    case 'releasing':
      return release(state, now, config);
    case 'steppingDown':
      return steppingDown(state, role, now, config);
    case 'stopped':
      return { state, effects: [] };
  }
}

function standby(state: ElectionState, now: number, config: ElectionConfig): ElectionStep {
  const { lease, writing, observedMs, claim } = state;
  if (lease === undefined) return { state, effects: [] };
  if (writing) return { state, effects: [] };
  const renewedMs = claim && claim.generation === lease?.generation ? claim.sentMs : observedMs;
  if (lease?.holder === config.identity && lease.generation > state.lastGeneration) {
    // Our own acquisition, though its answer may never have come. It counts from when it was sent, as a renewal does.
    const { generation } = lease;
    const known = { ...state, lastGeneration: generation };
    // Learnt too late: the others may have waited long enough, so it is another generation that is to be led in.
    if (now >= renewedMs + config.renewDeadlineMs) return standby(known, now, config);
    const begun: ElectionState = { ...known, role: { name: 'leading', generation, renewedMs } };
    return then({ state: begun, effects: [{ type: 'lead', generation }] }, now, config);
  }
  const free = lease === null || lease.holder === '' || lease.holder === config.identity;
  const dueMs = Math.max(free ? now : observedMs + config.leaseDurationMs, state.notBeforeMs);
  if (now < dueMs) return { state, effects: [{ type: 'wake', atMs: dueMs }] };
  return write(state, 'acquire', config.identity, (lease?.generation ?? 0) + 1, now);
}

function leading(
  state: ElectionState,
  role: Role & { name: 'leading' },
  now: number,
  config: ElectionConfig,
): ElectionStep {
  const { lease, writing } = state;
  if (state.stopping) return stepDown(state, 'stopping', now);
  if (!lease || lease.holder !== config.identity || lease.generation !== role.generation) {
    return stepDown(state, lease?.holder ? `the lease is held by ${lease.holder}` : 'the lease is gone', now);
  }
  const deadlineMs = role.renewedMs + config.renewDeadlineMs;
  if (now >= deadlineMs) return stepDown(state, 'the lease could not be renewed in time', now);
  if (writing) return { state, effects: [{ type: 'wake', atMs: deadlineMs }] };
  const dueMs = Math.max(role.renewedMs + config.retryPeriodMs, state.notBeforeMs);
  if (now < dueMs) return { state, effects: [{ type: 'wake', atMs: Math.min(dueMs, deadlineMs) }] };
  const renewal = write(state, 'renew', config.identity, role.generation, now);
  return { ...renewal, effects: [...renewal.effects, { type: 'wake', atMs: deadlineMs }] };
}

function stepDown(state: ElectionState, reason: string, now: number): ElectionStep {
  const releaseAtMs = state.stopping ? now + handOverMs : undefined;
  const next: ElectionState = { ...state, role: { name: 'steppingDown', releaseAtMs } };
  const wake: ElectionEffect[] = releaseAtMs === undefined ? [] : [{ type: 'wake', atMs: releaseAtMs }];
  return { state: next, effects: [{ type: 'stepDown', reason }, ...wake] };
}

function steppingDown(
  state: ElectionState,
  { releaseAtMs }: Role & { name: 'steppingDown' },
  now: number,
  config: ElectionConfig,
): ElectionStep {
  if (!state.stopping) return { state, effects: [] };
  // A stop during another step down: there is no lease to hand over, or it is no longer wanted.
  const dueMs = releaseAtMs ?? now;
  if (now < dueMs) return { state, effects: [{ type: 'wake', atMs: dueMs }] };
  return release({ ...state, role: { name: 'releasing' } }, now, config);
}

function release(state: ElectionState, now: number, config: ElectionConfig): ElectionStep {
  const { lease, writing, notBeforeMs } = state;
  if (writing) return { state, effects: [] };
  if (lease?.holder !== config.identity) return { state: { ...state, role: { name: 'stopped' } }, effects: [] };
  if (now < notBeforeMs) return { state, effects: [{ type: 'wake', atMs: notBeforeMs }] };
  return write(state, 'release', '', lease.generation, now);
}

function write(
  state: ElectionState,
  purpose: WritePurpose,
  holder: string,
  generation: number,
  now: number,
): ElectionStep {
  const expectedVersion = state.lease?.version;
  // Which of several tries took effect may never be known: the first one is the safe one to count from.
  const isNewClaim = purpose === 'acquire' && state.claim?.generation !== generation;
  const claim = isNewClaim ? { generation, sentMs: now } : state.claim;
  return {
    state: { ...state, writing: { purpose, sentMs: now, expectedVersion }, claim },
    effects: [{ type: 'write', purpose, holder, generation, expectedVersion }],
  };
}

function then({ state, effects }: ElectionStep, now: number, config: ElectionConfig): ElectionStep {
  const next = decide(state, now, config);
  return { state: next.state, effects: [...effects, ...next.effects] };
}

/** resourceVersions are decimal numbers of any length (KEP-5504): the longer, or else the greater text, is the newer. */
export function newer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
