/**
 * The namespace controller: empties a namespace that is being deleted, and then lets it go.
 *
 * Guarantees: nothing of a namespace is forgotten, whatever kinds the table of kinds and the definitions of custom resources know; the finalizer `kubernetes` is
 * removed only after every kind was listed from the API server and found empty. Pods go first, so that what runs stops before
 * its configuration disappears. While something remains, the namespace's conditions say what and why.
 */
import type { ReconcileResult } from '../api/controller.ts';
import { isConflict, isNotFound, isStatusError } from '../api/errors.ts';
import { allKinds, groupResource, groupVersionPath, type Kind } from '../api/kinds.ts';
import { deepEqual, keyOf, nowSeconds, setCondition } from '../api/meta.ts';
import { servedKind } from '../api/served-kind.ts';
import type { CustomResourceDefinition, KubeObject, Namespace } from '../api/types.ts';
import { type ControllerContext, newQueue, work } from './context.ts';

const concurrency = 10;
/** What is being deleted gracefully is looked at again after this. */
const pollMs = 500;
const namespaceFinalizer = 'kubernetes';

export async function startNamespaces(context: ControllerContext): Promise<void> {
  const queue = newQueue(context, 'namespace');
  const enqueue = (namespace: Namespace): void => {
    if (namespace.metadata?.deletionTimestamp) queue.add(keyOf(namespace));
  };
  context.caches.namespaces.addHandler({ added: enqueue, updated: (_, object) => enqueue(object) }, context.signal);
  await work(context, queue, concurrency, (key) => reconcile(context, key));
}

async function reconcile(context: ControllerContext, name: string): Promise<ReconcileResult> {
  const { caches, client, clock, logger } = context;
  const namespace = caches.namespaces.get(name);
  if (!namespace?.metadata?.deletionTimestamp) return {};
  if (!(namespace.spec?.finalizers ?? []).includes(namespaceFinalizer)) return {};
  const remains = await deleteContent(context, name);
  if (remains.failures.length > 0 || remains.left.length > 0) {
    await writeConditions(context, namespace, remains, clock.now());
    if (remains.failures.length > 0) throw new Error(remains.failures.join('; '));
    return { requeueAfterMs: pollMs };
  }
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== namespaceFinalizer);
  // Read anew: the conditions written above changed its resourceVersion.
  const live = await liveNamespace(context, namespace);
  if (!live) return {};
  try {
    await client.update('namespaces', { ...live, spec: { ...live.spec, finalizers } }, { subresource: 'finalize' });
    logger.info({ namespace: name }, 'namespace is empty and goes');
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return {};
}

export interface Remains {
  /** What is still there, kind by kind. */
  readonly left: { readonly kind: string; readonly count: number }[];
  /** Finalizers of what is still there, with how many objects wait for each. */
  readonly finalizers: ReadonlyMap<string, number>;
  readonly failures: string[];
}

async function deleteContent({ client, signal }: ControllerContext, namespace: string): Promise<Remains> {
  const left: Remains['left'] = [];
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  const definitions = await client.list('customresourcedefinitions', {}, signal);
  for (const kind of deletionOrder(definitions.items)) {
    signal.throwIfAborted();
    try {
      const items = await emptied(kind);
      if (items.length === 0) continue;
      left.push({ kind: groupResource(kind), count: items.length });
      for (const { metadata } of items) {
        for (const finalizer of metadata?.finalizers ?? []) {
          finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
        }
      }
      // Pods hold volumes, addresses and configuration in use: the rest waits until they have ended.
      if (kind.resource === 'pods') break;
    } catch (error) {
      failures.push(`${groupResource(kind)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { left, finalizers, failures };

  /** What is left of the kind after its deletion was asked for. */
  async function emptied(kind: Kind): Promise<KubeObject[]> {
    if ((await client.list(kind, { namespace, limit: 1 }, signal)).items.length === 0) return [];
    const path = `${groupVersionPath(kind)}/namespaces/${encodeURIComponent(namespace)}/${kind.resource}`;
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' };
    try {
      await client.request({ method: 'DELETE', path, body, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return (await client.list(kind, { namespace }, signal)).items;
  }
}

/** Every kind that lives in namespaces, pods first and events last: the others' ends are still told. */
export function deletionOrder(definitions: readonly CustomResourceDefinition[] = []): Kind[] {
  const rank = ({ resource }: Kind): number => (resource === 'pods' ? 0 : resource === 'events' ? 2 : 1);
  const custom = definitions.map(servedKind).filter((kind) => kind !== undefined);
  return [...allKinds, ...custom].filter(({ namespaced }) => namespaced).sort((a, b) => rank(a) - rank(b));
}

async function liveNamespace({ client }: ControllerContext, { metadata }: Namespace): Promise<Namespace | undefined> {
  try {
    const live = await client.get('namespaces', { name: metadata?.name ?? '' });
    return live.metadata?.uid === metadata?.uid ? live : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function writeConditions(
  context: ControllerContext,
  namespace: Namespace,
  remains: Remains,
  now: number,
): Promise<void> {
  const conditions = conditionsFor(namespace.status?.conditions ?? [], remains, now);
  if (deepEqual(conditions, namespace.status?.conditions ?? [])) return;
  try {
    const status = { ...namespace.status, conditions };
    await context.client.update('namespaces', { ...namespace, status }, { subresource: 'status' });
  } catch (error) {
    // They only inform: the next look writes them again.
    if (!isConflict(error) && !isNotFound(error) && isStatusError(error)) {
      context.logger.warn({ namespace: keyOf(namespace), err: error }, 'conditions were not written');
    } else if (!isStatusError(error)) throw error;
  }
}

type Conditions = NonNullable<NonNullable<Namespace['status']>['conditions']>;

/** The conditions of a namespace that is not empty yet, in Kubernetes' words. Pure. */
export function conditionsFor(present: Conditions, { left, finalizers, failures }: Remains, now: number): Conditions {
  const set = (all: Conditions, type: string, broken: string | undefined, reasons: [string, string], right: string) =>
    setCondition(
      all,
      {
        type,
        status: broken === undefined ? 'False' : 'True',
        reason: reasons[broken === undefined ? 1 : 0],
        message: broken ?? right,
      },
      nowSeconds(now),
    );
  const content = left.map(({ kind, count }) => `${kind} has ${count} resource instances`);
  const waiting = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  let conditions = set(
    present,
    'NamespaceDeletionDiscoveryFailure',
    undefined,
    ['DiscoveryFailed', 'ResourcesDiscovered'],
    'All resources successfully discovered',
  );
  conditions = set(
    conditions,
    'NamespaceDeletionContentFailure',
    failures.length > 0 ? failures.join(', ') : undefined,
    ['ContentDeletionFailed', 'ContentDeleted'],
    'All content successfully deleted, may be waiting on finalization',
  );
  conditions = set(
    conditions,
    'NamespaceContentRemaining',
    content.length > 0 ? `Some resources are remaining: ${content.join(', ')}` : undefined,
    ['SomeResourcesRemain', 'ContentRemoved'],
    'All content successfully removed',
  );
  return set(
    conditions,
    'NamespaceFinalizersRemaining',
    waiting.length > 0 ? `Some content in the namespace has finalizers remaining: ${waiting.join(', ')}` : undefined,
    ['SomeFinalizersRemain', 'ContentHasNoFinalizers'],
    'All content-preserving finalizers finished',
  );
}
