/** What a fault is: a row of the table (table.ts). */
import type { Random } from '../../support/random.ts';
import type { Role } from '../witness/messages.ts';
import type { Machines } from './machines.ts';

/** What a fault may ask of the cluster before it begins. */
export interface World {
  readonly machines: Machines;
  readonly random: Random;
  /** The master whose scheduler or controller manager leads now. */
  leader(role: Role): Promise<string>;
  /** The master whose etcd member leads now. */
  etcdLeader(): Promise<string>;
  /** Brings both leads and etcd's to one master, and gives its name. */
  gatherLeads(): Promise<string>;
  /** Runs one of the operator's commands (`compose/roll.ts`) on the cluster. */
  operate(script: string): Promise<void>;
  /** Resolves when all masters serve, both roles are led, and all nodes are Ready. */
  healthy(): Promise<void>;
}

/** What was chosen to suffer. */
export interface Victim {
  /** A service of the compose file. */
  readonly machine: string;
  /** The roles whose leader the victim is, so that another has to take over. */
  readonly leads: readonly Role[];
}

export interface Fault {
  readonly name: string;
  /** What happens, for the report. */
  readonly title: string;
  /** Chooses the victim, and prepares what has to be prepared. */
  choose(world: World): Promise<Victim>;
  /**
   * Breaks it. Where the moment is not that of the call, it gives that, in ms since the epoch. Throws `Unavailable` where this machine cannot do it.
   */
  inject(world: World, victim: Victim): Promise<number | undefined>;
  /** Looks at the broken thing itself and says why the fault did not take hold, or nothing. */
  check(world: World, victim: Victim): Promise<string | undefined>;
  /** What the cluster has to show for it while it lasts, beyond what holds at any time: why it does not, or nothing. */
  promise?(world: World, victim: Victim): Promise<string | undefined>;
  /** Ends it, however far the injection came; harmless where there is nothing to end. */
  heal(world: World, victim: Victim): Promise<void>;
  /** How long it lasts at least, in ms. The run waits for the takeover besides. */
  readonly lastsMs: number;
  /** A leader that sleeps and wakes up believes for a moment that it still leads; the fence makes that harmless. */
  readonly leaderSleeps?: boolean;
}

/** The kernel or the engine lacks what the fault needs. It is reported, and is no failure. */
export class Unavailable extends Error {}
