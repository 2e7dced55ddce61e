/** What the witness in the cluster's network (agent.ts) tells; times are ms since the epoch. */

export const roles = ['scheduler', 'controller-manager'] as const;
export type Role = (typeof roles)[number];

/** A process said all the time between two looks that it leads. Told again as it goes on, with the same `fromMs`. */
export interface Belief {
  readonly type: 'belief';
  readonly role: Role;
  readonly master: string;
  readonly generation: number;
  /** When the first of these answers had come, and when the last was asked for. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly over: boolean;
}

export interface Readiness {
  readonly type: 'ready';
  readonly master: string;
  readonly ready: boolean;
  readonly atMs: number;
}

export interface LeaseChange {
  readonly type: 'lease';
  readonly role: Role;
  /** '' when it was released. */
  readonly holder: string;
  readonly generation: number;
  /** What the holder wrote, and when a watch told it. */
  readonly acquiredMs: number;
  readonly atMs: number;
}

export interface Action {
  readonly type: 'acted';
  readonly role: Role;
  readonly name: string;
  readonly atMs: number;
}

/** What a master answers from then on to the work that it is given for a role: `taken`, or why not. */
export interface Given {
  readonly type: 'given';
  readonly role: Role;
  readonly master: string;
  readonly answer: string;
  readonly atMs: number;
}

/** What the process that took over says of the parts that it took, in ms. */
export interface Parts {
  readonly type: 'parts';
  readonly role: Role;
  readonly generation: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** How many writes of deposed leaders an API server has refused since its start. */
export interface Fenced {
  readonly type: 'fenced';
  readonly master: string;
  readonly count: number;
}

export type Message = Belief | Readiness | LeaseChange | Action | Given | Parts | Fenced;
