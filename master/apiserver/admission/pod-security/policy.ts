/** What a namespace's labels say of its pods (Kubernetes, "Pod Security Admission"). */
import { FieldErrors } from '../../registry/validation/field-errors.ts';
import { type Level, levels, type Standard, type StandardVersion } from './standards.ts';

export const modes = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof modes)[number];

export interface Policy extends Readonly<Record<Mode, Standard>> {
  /** Labels that cannot be read; for these the policy holds what is safe: all is enforced, nothing is warned of. */
  readonly errors: FieldErrors;
}

const prefix = 'pod-security.kubernetes.io/';

const free: Standard = { level: 'privileged', version: 'latest' };

/** The policy of nearly every namespace, made once. */
const none: Policy = { enforce: free, audit: free, warn: free, errors: new FieldErrors() };

export function policyOf(labels: Readonly<Record<string, string>> = {}): Policy {
  if (!Object.keys(labels).some((label) => label.startsWith(prefix))) return none;
  const errors = new FieldErrors();
  const enforce = standardOf('enforce', labels, errors);
  const audit = standardOf('audit', labels, errors);
  const warn = standardOf('warn', labels, errors);
  return { enforce, audit, warn: warnedToo(enforce, warn, labels), errors };
}

/** Whether nothing at all is asked of pods. */
export const isFree = ({ enforce, audit, warn }: Policy): boolean =>
  enforce.level === 'privileged' && audit.level === 'privileged' && warn.level === 'privileged';

/** Positive when `a` asks for more than `b`. */
export const compareLevels = (a: Level, b: Level): number => levels.indexOf(a) - levels.indexOf(b);

function standardOf(mode: Mode, labels: Readonly<Record<string, string>>, errors: FieldErrors): Standard {
  const level = labels[prefix + mode];
  const version = labels[`${prefix}${mode}-version`];
  return {
    level: level === undefined ? 'privileged' : parseLevel(mode, level, errors),
    version: version === undefined ? 'latest' : parseVersion(mode, version, errors),
  };
}

function parseLevel(mode: Mode, text: string, errors: FieldErrors): Level {
  const level = levels.find((known) => known === text);
  if (level) return level;
  errors.invalid(`metadata.labels[${prefix}${mode}]`, text, `must be one of ${levels.join(', ')}`);
  return mode === 'enforce' ? 'restricted' : 'privileged';
}

function parseVersion(mode: Mode, text: string, errors: FieldErrors): StandardVersion {
  if (text === 'latest') return text;
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(text)?.[1];
  if (minor !== undefined) return Number(minor);
  errors.invalid(`metadata.labels[${prefix}${mode}-version]`, text, 'must be "latest" or "v1.x"');
  return 'latest';
}

/** Whoever enforces a level and says nothing of warnings is warned by it, for the workloads that make pods. */
function warnedToo(enforce: Standard, warn: Standard, labels: Readonly<Record<string, string>>): Standard {
  const given = labels[`${prefix}enforce`];
  const valid = levels.some((level) => level === given);
  if (labels[`${prefix}warn`] !== undefined || !valid || compareLevels(enforce.level, warn.level) <= 0) return warn;
  const version = labels[`${prefix}warn-version`] === undefined ? enforce.version : warn.version;
  return { level: enforce.level, version };
}
