/**
 * What an API server does about definitions by itself: accepts their names, establishes them, and deletes the objects of those
 * that are deleted before it lets them go. Every API server does it; their writes compare, so whoever is second finds it done.
 */
import { type Clock, sleep } from '../../../api/clock.ts';
import { isConflict, isNotFound } from '../../../api/errors.ts';
import type { Logger } from '../../../api/logging.ts';
import { nowSeconds } from '../../../api/meta.ts';
import { listPrefix } from '../../store/keys.ts';
import { consistent, type Store } from '../../store/types.ts';
import type { RequestContext } from '../context.ts';
import { GenericResource } from '../generic-resource.ts';
import type { Resource } from '../resource.ts';
import { condition, hasCondition, isEstablished, settledStatus } from './conditions.ts';
import type { CustomKinds } from './custom-kinds.ts';
import { cleanupFinalizer } from './definition.ts';
import type { Definition } from './definition-types.ts';
import { customVersion } from './strategy.ts';

export interface DefinitionControllerOptions {
  readonly custom: CustomKinds;
  /** The resource of definitions itself. */
  readonly definitions: Resource;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Objects that wait for finalizers of their own are looked at again after this. */
const pollMs = 500;
const retryMs = 200;

/** Runs until the context's signal is aborted; handles its own errors. */
export async function runDefinitions(options: DefinitionControllerOptions, ctx: RequestContext): Promise<void> {
  const { custom, logger } = options;
  const { signal } = ctx;
  let wake = (): void => {};
  let due = true;
  custom.onChange = () => {
    due = true;
    wake();
  };
  while (!signal.aborted) {
    if (!due) {
      const woken = new AbortController();
      wake = () => woken.abort();
      const isWaiting = custom.entries.some(({ definition }) => definition.metadata?.deletionTimestamp !== undefined);
      await sleep(isWaiting ? pollMs : 3_600_000, AbortSignal.any([signal, woken.signal]));
      wake = () => {};
    }
    due = false;
    try {
      await settleAll(options, ctx);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug({ err: error }, 'definitions of custom resources are not settled yet');
      due = true;
      await sleep(retryMs, signal);
    }
  }
}

/** Those that came first have their names first. */
async function settleAll(options: DefinitionControllerOptions, ctx: RequestContext): Promise<void> {
  const { custom, definitions, clock } = options;
  const present = new Map(custom.entries.map(({ definition }) => [definition.metadata?.name ?? '', definition]));
  for (const [name, definition] of [...present].toSorted(([, a], [, b]) => precedence(a, b))) {
    if (definition.metadata?.deletionTimestamp) {
      await clean(options, ctx, definition);
      continue;
    }
    const status = settledStatus(definition, present.values(), nowSeconds(clock.now()));
    if (!status) continue;
    try {
      const settled: Definition = { ...definition, status };
      const stored = await definitions.update(ctx, { name }, settled, 'status');
      present.set(name, { ...definition, ...stored.object });
    } catch (error) {
      // Somebody was quicker, and the watch will tell. Whose names come next depends on this one's.
      if (isConflict(error) || isNotFound(error)) return;
      throw error;
    }
  }
}

function precedence(a: Definition, b: Definition): number {
  const key = ({ metadata }: Definition): string => `${metadata?.creationTimestamp} ${metadata?.name}`;
  const established = Number(isEstablished(b)) - Number(isEstablished(a));
  return established || (key(a) < key(b) ? -1 : 1);
}

async function clean(
  { definitions, store, clock, logger }: DefinitionControllerOptions,
  ctx: RequestContext,
  definition: Definition,
): Promise<void> {
  const { metadata, spec } = definition;
  const name = metadata?.name ?? '';
  if (!metadata?.finalizers?.includes(cleanupFinalizer)) return;
  const prefix = listPrefix(name);
  const remaining = async (): Promise<number> => (await store.list(prefix, consistent)).items.length;
  if ((await remaining()) > 0) {
    const storage = spec.versions.find((version) => version.storage);
    if (!storage) return;
    // In the version that they are stored in, and without admission: whatever they are, they go.
    const named = { ...definition, status: { ...definition.status, acceptedNames: spec.names } };
    const { strategy } = customVersion(named, storage);
    const janitor = new GenericResource({
      strategy,
      store,
      clock,
      admission: { admit: nothing, validate: nothing, run: nothing },
    });
    await janitor.deleteCollection(ctx, undefined, {}, {});
  }
  const left = await remaining();
  try {
    if (left > 0) return await tellProgress(definitions, ctx, definition, left, nowSeconds(clock.now()));
    const finalizers = metadata.finalizers.filter((finalizer) => finalizer !== cleanupFinalizer);
    await definitions.update(ctx, { name }, { ...definition, metadata: { ...metadata, finalizers } });
    logger.info({ name }, 'custom resource is no longer served');
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}

async function tellProgress(
  definitions: Resource,
  ctx: RequestContext,
  definition: Definition,
  left: number,
  now: string,
): Promise<void> {
  const message = `CustomResource deletion is in progress: ${left} instances remain`;
  const known = definition.status?.conditions?.find(({ type }) => type === 'Terminating');
  if (hasCondition(definition, 'Terminating') && known?.message === message) return;
  const conditions = condition(
    definition.status?.conditions ?? [],
    ['Terminating', 'True', 'InstanceDeletionInProgress', message],
    now,
  );
  const name = definition.metadata?.name ?? '';
  const told: Definition = { ...definition, status: { ...definition.status, conditions } };
  await definitions.update(ctx, { name }, told, 'status');
}

const nothing = (): Promise<void> => Promise.resolve();
