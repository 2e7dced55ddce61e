/**
 * Audit policies (audit.k8s.io/v1 Policy): which requests are recorded, and how much of each. The first rule that fits a request
 * decides; a request that none fits is not recorded.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Attributes } from '../auth/rbac/rules.ts';
import type { UserInfo } from '../registry/context.ts';

export const levels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
export type Level = (typeof levels)[number];

export const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
export type Stage = (typeof stages)[number];

/** What the policy wants of one request. */
export interface Verdict {
  readonly level: Exclude<Level, 'None'>;
  readonly omitStages: ReadonlySet<string>;
  readonly omitManagedFields: boolean;
}

export interface AuditPolicy {
  /** undefined: nothing is recorded. */
  verdictOn(user: UserInfo, request: Attributes): Verdict | undefined;
}

interface GroupResources {
  readonly group?: string;
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Rule {
  readonly level: Level;
  readonly users?: readonly string[];
  readonly userGroups?: readonly string[];
  readonly verbs?: readonly string[];
  readonly resources?: readonly GroupResources[];
  readonly namespaces?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
}

interface PolicyFile {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly omitStages?: readonly string[];
  readonly omitManagedFields?: boolean;
  readonly rules?: readonly Rule[];
}

/** Throws an Error that says what is wrong with the file. */
export function readPolicy(path: string): AuditPolicy {
  try {
    return parsePolicy(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`--audit-policy-file ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The policy in a YAML or JSON text. Throws an Error that says what is wrong with it. */
export function parsePolicy(text: string): AuditPolicy {
  const file: PolicyFile | null = parse(text);
  if (file?.kind !== 'Policy' || file.apiVersion !== 'audit.k8s.io/v1') {
    throw new Error('it must be a Policy of audit.k8s.io/v1');
  }
  const { rules = [], omitStages = [], omitManagedFields = false } = file;
  if (rules.length === 0) throw new Error('a policy needs at least one rule');
  checkStages(omitStages, 'omitStages');
  for (const [index, rule] of rules.entries()) checkRule(rule, `rules[${index}]`);
  const judged = rules.map((rule) => ({ rule, verdict: verdictOf(rule, omitStages, omitManagedFields) }));
  return { verdictOn: (user, request) => judged.find(({ rule }) => fits(rule, user, request))?.verdict };
}

function checkRule(rule: Rule, at: string): void {
  if (!levels.includes(rule.level)) throw new Error(`${at}.level: one of ${levels.join(', ')}`);
  checkStages(rule.omitStages ?? [], `${at}.omitStages`);
  const { nonResourceURLs = [], resources = [], namespaces = [] } = rule;
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0)) {
    throw new Error(`${at}.nonResourceURLs: a rule is about resources or about other paths, not both`);
  }
  for (const url of nonResourceURLs) {
    if (url === '*') continue;
    if (!url.startsWith('/') || url.slice(0, -1).includes('*')) {
      throw new Error(`${at}.nonResourceURLs: ${url} must begin with a slash and have no * but at its end`);
    }
  }
  for (const { group = '', resources: names = [], resourceNames = [] } of resources) {
    if (group.includes('/')) throw new Error(`${at}.resources: the group ${group} must be without a version`);
    if (resourceNames.length > 0 && names.length === 0) {
      throw new Error(`${at}.resources: resourceNames need resources`);
    }
  }
}

function checkStages(given: readonly string[], at: string): void {
  const known: readonly string[] = stages;
  const unknown = given.find((stage) => !known.includes(stage));
  if (unknown !== undefined) throw new Error(`${at}: ${unknown} is none of ${stages.join(', ')}`);
}

function verdictOf(rule: Rule, omitStages: readonly string[], omitManagedFields: boolean): Verdict | undefined {
  const { level } = rule;
  if (level === 'None') return undefined;
  return {
    level,
    omitStages: new Set([...omitStages, ...(rule.omitStages ?? [])]),
    omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
  };
}

/** An empty list of a rule says nothing about a request. */
function fits(rule: Rule, user: UserInfo, request: Attributes): boolean {
  const { users = [], userGroups = [], verbs = [], resources = [], namespaces = [], nonResourceURLs = [] } = rule;
  if (users.length > 0 && !users.includes(user.name)) return false;
  if (userGroups.length > 0 && !userGroups.some((group) => user.groups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(request.verb)) return false;
  if (resources.length > 0 || namespaces.length > 0) return fitsResource(resources, namespaces, request);
  if (nonResourceURLs.length === 0) return true;
  return !request.isResource && nonResourceURLs.some((url) => fitsPath(url, request.path));
}

function fitsResource(resources: readonly GroupResources[], namespaces: readonly string[], request: Attributes) {
  if (!request.isResource) return false;
  if (namespaces.length > 0 && !namespaces.includes(request.namespace)) return false;
  if (resources.length === 0) return true;
  const { resource, subresource, name } = request;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(({ group = '', resources: wanted = [], resourceNames = [] }) => {
    if (group !== '*' && group !== request.group) return false;
    if (wanted.length === 0) return true;
    if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
    const patterns = ['*', whole, `${resource}/*`, ...(subresource === '' ? [] : [`*/${subresource}`])];
    return wanted.some((pattern) => patterns.includes(pattern));
  });
}

function fitsPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
