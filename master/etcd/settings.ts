/** What a running master tells those that look after its member: its settings, written at its start, and its processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EtcdMemberConfig } from './member.ts';
import { readJson, writeWhole } from './order.ts';

export interface MemberSettings {
  readonly member: EtcdMemberConfig;
  /** In the order of the initial cluster. */
  readonly clientUrls: readonly string[];
  /** Of the supervisor. */
  readonly pid: number;
}

const settingsFile = (dataDir: string): string => join(dataDir, 'run/etcd-member.json');

export function writeSettings(dataDir: string, settings: MemberSettings): void {
  writeWhole(settingsFile(dataDir), `${JSON.stringify(settings)}\n`);
}

/** Throws an Error that says what to do where no master runs. */
export function readSettings(dataDir: string): MemberSettings {
  const settings = readJson<MemberSettings>(settingsFile(dataDir));
  if (!settings) throw new Error(`no master has run with the data directory ${dataDir}; --data-dir names another`);
  return settings;
}

/** Throws unless the master runs now. */
export function requireRunning({ member, pid }: MemberSettings): void {
  try {
    process.kill(pid, 0);
  } catch (error) {
    throw new Error(`${member.name} does not run`, { cause: error });
  }
}

/** Signals a process of the master; its supervisor starts it again. Nothing happens when it does not run. */
export function endProcess(dataDir: string, name: string, signal: NodeJS.Signals): void {
  try {
    const pid = Number(readFileSync(join(dataDir, 'run', `${name}.pid`), 'utf8'));
    // A file that is being written is empty, and 0 would be this process's own group.
    if (pid > 0) process.kill(pid, signal);
  } catch (error) {
    const gone = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
    if (!gone) throw error;
  }
}
