/**
 * Recounts what is used of every ResourceQuota: when it is made or changed, when something that it counts goes or ends, and from
 * time to time. Between counts the API servers raise what is used as they admit.
 *
 * A count must not take away what an API server has just charged for an object that is not written yet. So it looks only a moment
 * after it has read the quota, and writes under a comparison with what it read: a charge in between makes it start over.
 */
import { sleep } from '../api/clock.ts';
import { allKinds, kinds as builtin, groupResource, type Kind } from '../api/kinds.ts';
import { deepEqual, keyOf, splitKey } from '../api/meta.ts';
import { unlessOvertaken } from '../api/overtaken.ts';
import { type Amounts, add, formatAmount } from '../api/pod-resources.ts';
import { isInScope, resourceOf, usageOf } from '../api/quota.ts';
import type { KubeObject, Pod, ResourceName, ResourceQuota } from '../api/types.ts';
import type { AnyInformer } from './caches.ts';
import { type ControllerContext, everyPeriod, newQueue, work } from './context.ts';

const resyncMs = 300_000;
/** A write that was admitted is stored by then. */
const settleMs = 300;

export async function startResourceQuota(context: ControllerContext): Promise<void> {
  const { caches, client, clock, signal } = context;
  const quotas = caches.informers.for('resourcequotas');
  const queue = newQueue(context, 'resource_quota_controller');
  quotas.addHandler(
    {
      added: (quota) => queue.add(keyOf(quota)),
      updated: (previous, quota) => {
        if (!deepEqual(previous.spec, quota.spec)) queue.add(keyOf(quota));
      },
    },
    signal,
  );
  const follow = (informer: AnyInformer): void => {
    const kind = kindOf(informer.resource);
    const freed = ({ metadata }: KubeObject): void => {
      for (const quota of quotasOf(metadata?.namespace, groupResource(kind))) queue.add(keyOf(quota));
    };
    informer.addHandler(
      { deleted: freed, updated: (old, object) => mayFree(kind, old, object) && freed(object) },
      signal,
    );
  };
  for (const informer of caches.owning) follow(informer);
  caches.custom.forEach(follow, signal);
  await Promise.all([
    everyPeriod(context, 'resource quota resync', resyncMs, async () => {
      for (const quota of quotas.list()) queue.add(keyOf(quota));
    }),
    work(context, queue, 2, async (key) => {
      const quota = quotas.get(key);
      if (!quota || quota.metadata?.deletionTimestamp) return {};
      await sleep(settleMs, signal, clock);
      const used = await count(quota);
      const status = { hard: { ...quota.spec?.hard }, used };
      if (deepEqual(status, quota.status)) return {};
      return unlessOvertaken(client.update('resourcequotas', { ...quota, status }, { subresource: 'status' }));
    }),
  ]);

  function quotasOf(namespace: string | undefined, resource: string): ResourceQuota[] {
    if (namespace === undefined) return [];
    return quotas
      .list()
      .filter(({ metadata, spec }) => metadata?.namespace === namespace && limited(spec?.hard).has(resource));
  }

  async function count(quota: ResourceQuota): Promise<Record<string, string>> {
    const { namespace } = splitKey(keyOf(quota));
    const total: Amounts = new Map();
    const resources = limited(quota.spec?.hard);
    const kinds = [...allKinds, ...caches.custom.kinds].filter((kind) => resources.has(groupResource(kind)));
    for (const kind of kinds) {
      const { items } = await client.list(kind, namespace === undefined ? {} : { namespace }, signal);
      for (const object of items) if (isInScope(quota, kind, object)) add(total, usageOf(kind, object, clock.now()));
    }
    return usedOf(quota.spec?.hard, total);
  }
}

/** The resources whose objects a quota counts, as `deployments.apps`. Those that nobody serves are counted by nobody. */
const limited = (hard: Readonly<Record<string, string>> = {}): Set<string> =>
  new Set(Object.keys(hard).map(resourceOf));

const kindOf = (resource: ResourceName | Kind): Kind => (typeof resource === 'string' ? builtin[resource] : resource);

/** What is used of all that is limited; nothing where nothing is. */
export function usedOf(hard: Readonly<Record<string, string>> = {}, total: Amounts): Record<string, string> {
  return Object.fromEntries(Object.keys(hard).map((name) => [name, formatAmount(name, total.get(name) ?? 0)]));
}

/** Whether an update may give something back: a pod that ends, a Service or claim that asks for less. */
function mayFree({ resource }: Kind, old: KubeObject, object: KubeObject): boolean {
  if (resource === 'pods') return !hasEnded(old) && hasEnded(object);
  if (resource !== 'services' && resource !== 'persistentvolumeclaims') return false;
  const specOf = ({ spec }: { spec?: unknown } & KubeObject): unknown => spec;
  return !deepEqual(specOf(old), specOf(object));
}

const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
