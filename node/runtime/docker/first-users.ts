/** As whom the first process of a container runs, as the kernel tells it: read once a container, because it may become another later. */
import { readFile } from 'node:fs/promises';
import type { ContainerInspectInfo } from 'dockerode';
import type { ProcessUser } from '../runtime.ts';

export class FirstUsers {
  readonly #known = new Map<string, ProcessUser>();

  /** By container; those that do not run are told as they were, if they were seen running. */
  async of(containers: readonly ContainerInspectInfo[]): Promise<ReadonlyMap<string, ProcessUser>> {
    await Promise.all(containers.map((container) => this.#see(container)));
    return this.#known;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  async #see({ Id, State }: ContainerInspectInfo): Promise<void> {
    if (!State.Running || this.#known.has(Id)) return;
    // Where the engine is on another machine, or the process is gone by now, nobody knows.
    const status = await readFile(`/proc/${State.Pid}/status`, 'utf8').catch(() => '');
    const user = userOf(status);
    if (user) this.#known.set(Id, user);
  }
}

/** The effective user of a process, from its /proc/<pid>/status; undefined where that does not say it. */
export function userOf(status: string): ProcessUser | undefined {
  const numbers = (field: string): number[] =>
    (new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number);
  const [, uid] = numbers('Uid');
  const [, gid] = numbers('Gid');
  if (uid === undefined || gid === undefined) return undefined;
  return { uid, gid, groups: [...new Set([gid, ...numbers('Groups')])].sort((a, b) => a - b) };
}
