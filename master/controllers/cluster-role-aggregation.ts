/**
 * Cluster roles with an aggregationRule have the rules of all cluster roles that it selects by label, and no others (Kubernetes,
 * "Aggregated ClusterRoles"): `admin`, `edit` and `view` come about this way.
 */
import { deepEqual } from '../api/meta.ts';
import { labelSelectorFromObject, matchesLabels } from '../api/selectors.ts';
import type { ClusterRole, PolicyRule } from '../api/types.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

export async function startClusterRoleAggregation(context: ControllerContext): Promise<void> {
  const { caches, client, signal } = context;
  const queue = newQueue(context, 'cluster_role_aggregation');
  // Whatever role changes may be selected by any that aggregates; there are few of those.
  const enqueueAll = (): void => {
    for (const { metadata, aggregationRule } of caches.clusterroles.list()) {
      if (aggregationRule) queue.add(metadata?.name ?? '');
    }
  };
  caches.clusterroles.addHandler({ added: enqueueAll, updated: enqueueAll, deleted: enqueueAll }, signal);
  await work(context, queue, 1, async (name) => {
    const role = caches.clusterroles.get(name);
    if (!role?.aggregationRule) return;
    const rules = aggregatedRules(role, caches.clusterroles.list());
    if (deepEqual(rules, role.rules ?? [])) return;
    await client.update('clusterroles', { ...role, rules });
  });
}

/** The rules of the selected roles, in the order of their names, each rule once. */
export function aggregatedRules({ metadata, aggregationRule }: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const selectors = (aggregationRule?.clusterRoleSelectors ?? []).map(labelSelectorFromObject);
  const selected = all.filter(
    (role) =>
      role.metadata?.name !== metadata?.name &&
      selectors.some((selector) => matchesLabels(selector, role.metadata?.labels)),
  );
  const rules = selected.sort(byName).flatMap((role) => role.rules ?? []);
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

function byName(a: ClusterRole, b: ClusterRole): number {
  return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1;
}
