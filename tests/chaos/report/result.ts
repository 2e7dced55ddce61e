/** What a run of the suite gives: what the JSON report holds, and what the other reports are made of. */
import { type ClientKind, clientKinds } from '../load/history.ts';
import type { DoubleBelief, Takeover } from '../oracles/leaders.ts';
import { type Role, roles } from '../witness/messages.ts';
import { type Distribution, distributionOf } from './distribution.ts';

/** One fault, once. Durations are in ms. */
export interface Round {
  readonly fault: string;
  readonly title: string;
  readonly victim: string;
  readonly atMs: number;
  /** Why this machine cannot do it; nothing else is known then. */
  readonly unavailable?: string;
  readonly takeovers: readonly Takeover[];
  /** The longest time that any client of the kind waited for its next success while the fault lasted. */
  readonly gaps: Readonly<Record<ClientKind, number>>;
  /** The same from the healing until all was well again. */
  readonly gapsAfter: Readonly<Record<ClientKind, number>>;
  readonly failures: Readonly<Record<ClientKind, number>>;
  /** From the healing until all masters served and all nodes were Ready. */
  readonly recoveredMs: number;
}

export interface Violation {
  readonly oracle: string;
  readonly what: string;
}

export interface LoadSummary {
  readonly seconds: number;
  readonly reads: number;
  readonly writes: number;
  readonly watchEvents: number;
  readonly watchesResumed: number;
  readonly failures: number;
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Why the run proves nothing. */
  readonly inconclusive?: string;
}

export interface ChaosResult {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly rounds: number;
  readonly startedAt: string;
  readonly machine: string;
  readonly interrupted: boolean;
  readonly load: LoadSummary;
  readonly violations: readonly Violation[];
  /** Two that believed they lead, one of them just awake again. The fence makes it harmless; all others are violations. */
  readonly sleepers: readonly DoubleBelief[];
  /** Writes of deposed leaders that were refused; absent where no API server counts them. */
  readonly fencedWrites?: number;
  readonly results: readonly Round[];
}

export type Verdict = 'passed' | 'failed' | 'inconclusive' | 'interrupted';

export function verdictOf({ violations, load, interrupted }: ChaosResult): Verdict {
  if (violations.length > 0) return 'failed';
  if (interrupted) return 'interrupted';
  return load.inconclusive ? 'inconclusive' : 'passed';
}

/** The parts of a takeover, each from the end of the one before. */
export const takeoverParts = ['detected', 'elected', 'synced', 'firstAction'] as const;

/** What is measured of every fault. */
export const measures = [
  ...roles.flatMap((role) => [
    { name: `${role}: elected`, of: (round: Round) => takeover(round, role)?.electedMs },
    { name: `${role}: first action`, of: (round: Round) => takeover(round, role)?.firstActionMs },
    ...takeoverParts.map((part) => ({
      name: `${role}: its part ${part}`,
      of: (round: Round) => takeover(round, role)?.parts[part],
    })),
  ]),
  ...clientKinds.map((kind) => ({ name: `gap, ${kind}`, of: (round: Round) => round.gaps[kind] })),
  ...clientKinds.map((kind) => ({ name: `gap after healing, ${kind}`, of: (round: Round) => round.gapsAfter[kind] })),
  {
    name: 'failed requests',
    of: ({ failures }: Round) => clientKinds.reduce((sum, kind) => sum + failures[kind], 0),
  },
  { name: 'recovered', of: ({ recoveredMs }: Round) => recoveredMs },
] as const satisfies readonly { name: string; of: (round: Round) => number | undefined }[];

const takeover = ({ takeovers }: Round, role: Role): Takeover | undefined =>
  takeovers.find((found) => found.role === role);

export interface Row {
  readonly fault: string;
  readonly title: string;
  readonly measure: string;
  readonly values: readonly number[];
  readonly distribution: Distribution;
}

/** The distribution of each measure of each fault, where there is any. */
export function rowsOf({ results }: Pick<ChaosResult, 'results'>): Row[] {
  const byFault = Map.groupBy(
    results.filter(({ unavailable }) => unavailable === undefined),
    ({ fault }) => fault,
  );
  return [...byFault].flatMap(([fault, rounds]) =>
    measures.flatMap(({ name, of }) => {
      const values = rounds.map(of).filter((value): value is number => value !== undefined);
      const distribution = distributionOf(values);
      if (!distribution) return [];
      return [{ fault, title: rounds[0]?.title ?? '', measure: name, values, distribution }];
    }),
  );
}

interface Goal {
  readonly fault: string;
  readonly measure: string;
  readonly quantile: 'p50' | 'p99';
  readonly atMostMs: number;
}

const eachRole = (fault: string, quantile: Goal['quantile'], atMostMs: number): Goal[] =>
  roles.map((role) => ({ fault, measure: `${role}: first action`, quantile, atMostMs }));
const gaps = (fault: string, readMs: number, writeMs: number): Goal[] => [
  { fault, measure: 'gap, read', quantile: 'p99', atMostMs: readMs },
  { fault, measure: 'gap, write', quantile: 'p99', atMostMs: writeMs },
];

/** What the project wants to reach. A miss is shown; only what the oracles find fails a run. */
export const goals: readonly Goal[] = [
  ...eachRole('kill-leader', 'p50', 2_000),
  ...eachRole('kill-leader', 'p99', 3_000),
  { fault: 'kill-scheduler', measure: 'scheduler: first action', quantile: 'p99', atMostMs: 500 },
  { fault: 'kill-controller-manager', measure: 'controller-manager: first action', quantile: 'p99', atMostMs: 500 },
  ...eachRole('stop-leader', 'p99', 300),
  ...gaps('kill-follower', 200, 300),
  ...gaps('kill-leader', 1_500, 1_500),
  ...gaps('pause-leader', 1_500, 1_500),
  ...gaps('cut-off-leader', 1_500, 1_500),
];

export interface Reached extends Goal {
  readonly n: number;
  readonly actualMs: number;
}

/** The goals that the run says something of. */
export function reached(rows: readonly Row[]): Reached[] {
  return goals.flatMap((goal) => {
    const row = rows.find(({ fault, measure }) => fault === goal.fault && measure === goal.measure);
    return row ? [{ ...goal, n: row.distribution.n, actualMs: row.distribution[goal.quantile] }] : [];
  });
}

export interface Worse {
  readonly fault: string;
  readonly measure: string;
  readonly quantile: 'p50' | 'max';
  readonly before: number;
  readonly now: number;
}

/** Differences below this are noise, whatever their ratio. */
const noise = 100;

/** What is more than a quarter greater than in an earlier result. */
export function worseThan(before: Pick<ChaosResult, 'results'>, now: Pick<ChaosResult, 'results'>): Worse[] {
  const old = new Map(rowsOf(before).map((row) => [`${row.fault} ${row.measure}`, row.distribution]));
  return rowsOf(now).flatMap(({ fault, measure, distribution }) => {
    const was = old.get(`${fault} ${measure}`);
    if (!was) return [];
    return (['p50', 'max'] as const).flatMap((quantile) => {
      const pair = { before: was[quantile], now: distribution[quantile] };
      const isWorse =
        pair.now > pair.before * 1.25 && pair.now - pair.before > (measure === 'failed requests' ? 5 : noise);
      return isWorse ? [{ fault, measure, quantile, ...pair }] : [];
    });
  });
}
