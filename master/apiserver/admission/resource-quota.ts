/**
 * ResourceQuota: counts what is created in a namespace against its quotas, and refuses what would exceed one.
 *
 * Guarantees: no matter how many API servers admit at once, no quota is overdrawn. What is used stands in the quota's status; it
 * is raised there, under a comparison with its revision, before the object is written. What was raised for a write that failed
 * later is given back by the quota controller's next count.
 */
import type { Clock } from '../../api/clock.ts';
import { conflict, forbidden, modifiedMessage } from '../../api/errors.ts';
import { groupResource, type Kind, kinds } from '../../api/kinds.ts';
import { type Amounts, add, formatAmount } from '../../api/pod-resources.ts';
import { isInScope, missingAmounts, quotaAmounts, resourceOf, usageOf } from '../../api/quota.ts';
import type { ResourceQuota } from '../../api/types.ts';
import { RevisionMismatch } from '../store/errors.ts';
import { listPrefix } from '../store/keys.ts';
import { anyRevision, type Store, type Stored } from '../store/types.ts';
import type { Readiness } from './readiness.ts';
import type { AdmissionPlugin, AdmissionRequest } from './types.ts';

export interface ResourceQuotaOptions {
  readonly store: Pick<Store, 'list' | 'update'>;
  readonly clock: Clock;
  /** Whether the namespace has any quota. */
  readonly hasQuota: (namespace: string) => boolean;
  readonly readiness: Readiness;
}

/** How often a charge starts over because others charge the same quota. */
const maxAttempts = 100;
const maxMet = 1_000;

export function resourceQuota({ store, clock, hasQuota, readiness }: ResourceQuotaOptions): AdmissionPlugin {
  /** One charge after the other in each namespace: this server does not compete with itself. */
  const lines = new Map<string, Promise<void>>();
  /** The newest state that this server has written or met, which the cache may not have yet. */
  const met = new Map<string, Stored>();
  return {
    name: 'ResourceQuota',
    validate(request) {
      const { ctx, operation, namespace, subresource } = request;
      if (namespace === undefined || ctx.internal || (operation !== 'CREATE' && operation !== 'UPDATE'))
        return undefined;
      if (subresource !== undefined && subresource !== 'resize') return undefined;
      if (readiness.ready) return hasQuota(namespace) ? inLine(namespace, request) : undefined;
      return readiness.wait(request).then(() => (hasQuota(namespace) ? inLine(namespace, request) : undefined));
    },
    run: (signal) => readiness.run(signal),
  };

  async function inLine(namespace: string, request: AdmissionRequest): Promise<void> {
    const asked = askedOf(request, clock.now());
    if (asked.size === 0) return;
    // Only a hint: what is forgotten is met again.
    if (met.size > maxMet) met.clear();
    const before = lines.get(namespace) ?? Promise.resolve();
    const charged = before.then(() => charge(namespace, request, asked));
    const done = charged.catch(() => {});
    lines.set(namespace, done);
    await charged;
    if (lines.get(namespace) === done) lines.delete(namespace);
  }

  async function charge(namespace: string, request: AdmissionRequest, asked: Amounts): Promise<void> {
    const charged = new Set<string>();
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const quotas = (await present(namespace)).filter(({ quota }) => concerns(quota, request));
      for (const { quota } of quotas) check(quota, request, asked, charged);
      if (request.ctx.dryRun || (await raise(quotas, asked, charged))) return;
    }
    throw conflict(kinds.resourcequotas, namespace, modifiedMessage);
  }

  interface Present {
    readonly stored: Stored;
    readonly quota: ResourceQuota;
  }

  async function present(namespace: string): Promise<Present[]> {
    const { items } = await store.list(listPrefix('resourcequotas', namespace), anyRevision);
    return items.map((cached) => {
      const known = met.get(cached.key);
      if (known && known.revision <= cached.revision) met.delete(cached.key);
      const stored = known && known.revision > cached.revision ? known : cached;
      return { stored, quota: stored.object };
    });
  }

  /** False when somebody else has changed a quota meanwhile. */
  async function raise(quotas: readonly Present[], asked: Amounts, charged: Set<string>): Promise<boolean> {
    for (const { stored, quota } of quotas) {
      const more = counted(quota, asked);
      if (charged.has(stored.key) || more.size === 0) continue;
      const used = quotaAmounts(quota.status?.used);
      add(used, more);
      const status = { ...quota.status, used: { ...quota.status?.used, ...texts(used) } };
      const raised: ResourceQuota = { ...quota, status };
      try {
        met.set(stored.key, await store.update(stored.key, raised, stored.revision));
        charged.add(stored.key);
      } catch (error) {
        if (!(error instanceof RevisionMismatch)) throw error;
        if (error.current) met.set(stored.key, error.current);
        else met.delete(stored.key);
        return false;
      }
    }
    return true;
  }
}

/** What the write adds to what is used; an update that asks for less waits for the controller's count. */
function askedOf({ kind, object, old }: AdmissionRequest, now: number): Amounts {
  if (!object) return new Map();
  const usage = usageOf(kind, object, now);
  if (old) for (const [name, amount] of usageOf(kind, old, now)) usage.set(name, (usage.get(name) ?? 0) - amount);
  return new Map([...usage].filter(([, amount]) => amount > 0));
}

/** Whether the quota limits anything of such objects, also what this one does not ask for. */
function concerns(quota: ResourceQuota, { kind, object }: AdmissionRequest): boolean {
  const hard = { ...quota.spec?.hard, ...quota.status?.hard };
  return object !== undefined && limitedOf(kind, hard).length > 0 && isInScope(quota, kind, object);
}

const limitedOf = (kind: Kind, hard: Readonly<Record<string, string>> = {}): string[] =>
  Object.keys(hard).filter((name) => resourceOf(name) === groupResource(kind));

/** The part of what is asked for that the quota limits. */
function counted({ status }: ResourceQuota, asked: Amounts): Amounts {
  return new Map([...asked].filter(([name]) => status?.hard?.[name] !== undefined));
}

function check(quota: ResourceQuota, request: AdmissionRequest, asked: Amounts, charged: ReadonlySet<string>): void {
  const { kind, name, object, old, namespace } = request;
  const quotaName = quota.metadata?.name ?? '';
  if (charged.has(`${listPrefix('resourcequotas', namespace)}${quotaName}`)) return;
  const hard = quotaAmounts(quota.status?.hard);
  const unknown = limitedOf(kind, quota.spec?.hard).filter((limited) => !hard.has(limited));
  if (unknown.length > 0) {
    throw forbidden(kind, name, `status unknown for quota: ${quotaName}, resources: ${unknown.sort().join(',')}`);
  }
  const missing = kind === kinds.pods && !old && object ? missingAmounts(hard.keys(), object) : undefined;
  if (missing) throw forbidden(kind, name, `failed quota: ${quotaName}: ${missing}`);
  const used = quotaAmounts(quota.status?.used);
  const beyond = [...counted(quota, asked)]
    .filter(([limited, amount]) => (used.get(limited) ?? 0) + amount > (hard.get(limited) ?? 0))
    .map(([limited]) => limited)
    .sort();
  if (beyond.length === 0) return;
  const text = (amounts: Amounts): string =>
    beyond.map((limited) => `${limited}=${formatAmount(limited, amounts.get(limited) ?? 0)}`).join(',');
  const why = `exceeded quota: ${quotaName}, requested: ${text(asked)}, used: ${text(used)}, limited: ${text(hard)}`;
  throw forbidden(kind, name, why);
}

const texts = (amounts: Amounts): Record<string, string> =>
  Object.fromEntries([...amounts].map(([name, amount]) => [name, formatAmount(name, amount)]));
