/** The audit log that the flags ask for. */
import { closeSync, openSync } from 'node:fs';
import type { Logger } from '../../api/logging.ts';
import { LogFile, ownerOnly, standardOutput } from './log-file.ts';
import { readPolicy } from './policy.ts';
import { AuditTrail } from './trail.ts';

export interface AuditFlags {
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  readonly auditLogMaxage: number;
  readonly auditLogMaxbackup: number;
  readonly auditLogMaxsize: number;
}

const dayMs = 86_400_000;

/** undefined: nothing is to be recorded, or nowhere. Throws for a policy that is none, and for a file that cannot be written. */
export function openTrail(flags: AuditFlags, logger: Logger): AuditTrail | undefined {
  const { auditPolicyFile, auditLogPath: path } = flags;
  if (auditPolicyFile === undefined || path === undefined) return undefined;
  const policy = readPolicy(auditPolicyFile);
  if (path === '-') return new AuditTrail(policy, standardOutput);
  closeSync(openSync(path, 'a', ownerOnly));
  const file = new LogFile({
    path,
    maxBytes: flags.auditLogMaxsize * 1024 * 1024,
    maxBackups: flags.auditLogMaxbackup,
    maxAgeMs: flags.auditLogMaxage * dayMs,
    onError: (error) => logger.error({ err: error, path }, 'the audit log could not be written'),
  });
  return new AuditTrail(policy, file);
}
