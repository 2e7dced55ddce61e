/**
 * Keeps a server's flow control as the FlowSchemas and PriorityLevelConfigurations in the API say, and says in each schema's status
 * whether the priority level that it names is there.
 */
import { sleep } from '../../api/clock.ts';
import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { nowSeconds } from '../../api/meta.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/types.ts';
import type { RequestContext } from '../registry/context.ts';
import type { Resource } from '../registry/resource.ts';
import { listPrefix } from '../store/keys.ts';
import { anyRevision, type Store } from '../store/types.ts';
import type { FlowControl } from './flow-control.ts';

export interface ConfigurationParts {
  readonly store: Store;
  readonly flow: FlowControl;
  /** As what the server writes statuses. */
  readonly ctx: RequestContext;
  readonly flowSchemas: Resource;
  readonly logger: Logger;
}

const retryMs = 100;
/** Changes that come together are taken together. */
const settleMs = 50;

/** Follows what the API says until the signal is aborted. */
export async function followConfiguration(
  { store, flow, ctx, flowSchemas, logger }: ConfigurationParts,
  signal: AbortSignal,
): Promise<void> {
  const schemas = listPrefix('flowschemas');
  const levels = listPrefix('prioritylevelconfigurations');
  while (!signal.aborted) {
    try {
      // What is stored under a prefix is of its type.
      const read = async (prefix: string) => store.list(prefix, anyRevision);
      const [foundLevels, foundSchemas] = await Promise.all([read(levels), read(schemas)]);
      const present = foundSchemas.items.map(({ object }) => object as FlowSchema);
      const among = foundLevels.items.map(({ object }) => object as PriorityLevelConfiguration);
      flow.configure(present, among);
      const names = new Set(among.map(({ metadata }) => metadata?.name ?? ''));
      for (const schema of present) await tellWhetherDangling(flowSchemas, ctx, schema, names);
      await Promise.race([
        changed(store, levels, foundLevels.revision, signal),
        changed(store, schemas, foundSchemas.revision, signal),
      ]);
      await sleep(settleMs, signal);
    } catch (error) {
      logger.debug({ err: error }, 'the configuration of flow control cannot be read yet');
      await sleep(retryMs, signal);
    }
  }
}

/** Resolves at the first change under the prefix, or when the watch or the signal ends. */
function changed(store: Store, prefix: string, from: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const source = store.watch(prefix, from, { onEvents: () => done(), onEnd: () => done() });
    const done = (): void => {
      signal.removeEventListener('abort', done);
      source.close();
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
  });
}

/**
 * Whether the schema dangles, as Kubernetes' condition of that name has it. Every API server says so; the first to write is as good
 * as any, and what changes meanwhile is met again with the change.
 */
async function tellWhetherDangling(
  flowSchemas: Resource,
  ctx: RequestContext,
  schema: FlowSchema,
  levels: ReadonlySet<string>,
): Promise<void> {
  const level = schema.spec?.priorityLevelConfiguration?.name ?? '';
  const found = levels.has(level);
  const message = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)} ${found ? 'and it exists' : 'but there is no such object'}`;
  const told = schema.status?.conditions?.find(({ type }) => type === 'Dangling');
  const [is, reason] = found ? ['False', 'Found'] : ['True', 'NotFound'];
  if (told?.status === is && told.message === message) return;
  const since = told?.status === is ? told.lastTransitionTime : undefined;
  const lastTransitionTime = since ?? nowSeconds(Date.now());
  const dangling = { type: 'Dangling', status: is, lastTransitionTime, reason, message };
  const others = (schema.status?.conditions ?? []).filter((condition) => condition !== told);
  const status = { ...schema.status, conditions: [...others, dangling] };
  try {
    const name = schema.metadata?.name ?? '';
    await flowSchemas.update(ctx, { name }, structuredClone({ ...schema, status }), 'status');
  } catch (error) {
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
}
