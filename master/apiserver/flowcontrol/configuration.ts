/**
 * Keeps a server's flow control as the FlowSchemas and PriorityLevelConfigurations in the API say, and makes those that every
 * cluster begins with.
 */
import { sleep } from '../../api/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { deepEqual } from '../../api/meta.ts';
import type { FlowSchema, KubeObject, PriorityLevelConfiguration } from '../../api/types.ts';
import type { RequestContext } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { listPrefix } from '../store/keys.ts';
import { anyRevision, type Store } from '../store/types.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './defaults.ts';
import type { FlowControl } from './flow-control.ts';

const group = 'flowcontrol.apiserver.k8s.io';
const autoupdate = 'apf.kubernetes.io/autoupdate-spec';
const retryMs = 100;
/** Changes that come together are taken together. */
const settleMs = 50;

/** Follows what the API says until the signal is aborted. */
export async function followConfiguration(
  { store, flow, logger }: { store: Store; flow: FlowControl; logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const schemas = listPrefix('flowschemas');
  const levels = listPrefix('prioritylevelconfigurations');
  while (!signal.aborted) {
    try {
      // What is stored under a prefix is of its type.
      const read = async (prefix: string) => store.list(prefix, anyRevision);
      const [foundLevels, foundSchemas] = await Promise.all([read(levels), read(schemas)]);
      flow.configure(
        foundSchemas.items.map(({ object }) => object as FlowSchema),
        foundLevels.items.map(({ object }) => object as PriorityLevelConfiguration),
      );
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

/** Makes the defaults that are missing, and brings those up to date that may be. Any number of servers may do it at once. */
export async function makeDefaultFlowControl(registry: Registry, ctx: RequestContext): Promise<void> {
  const make = (name: string, objects: readonly KubeObject[]) => {
    const resource = registry.resource(group, 'v1', name);
    if (!resource) throw new Error(`the registry lacks ${name}`);
    return Promise.all(objects.map((object) => reconcile(resource, ctx, object)));
  };
  await make('prioritylevelconfigurations', defaultPriorityLevels);
  await make('flowschemas', defaultFlowSchemas);
}

async function reconcile(
  resource: Resource,
  ctx: RequestContext,
  wanted: KubeObject & { spec?: object },
): Promise<void> {
  const name = wanted.metadata?.name ?? '';
  try {
    const present: KubeObject & { spec?: object } = (await resource.get(ctx, { name }, {})).object;
    if (present.metadata?.annotations?.[autoupdate] !== 'true') return;
    // What the API server has added by default is no difference.
    const spec = { ...present.spec, ...wanted.spec };
    if (!deepEqual(spec, present.spec)) {
      await resource.update(ctx, { name }, structuredClone({ ...present, spec: wanted.spec }));
    }
  } catch (error) {
    // Another server was quicker, or somebody changes it just now, whose will it is.
    if (isConflict(error)) return;
    if (!isNotFound(error)) throw error;
    await resource.create(ctx, undefined, structuredClone(wanted)).catch((failure: unknown) => {
      if (!isAlreadyExists(failure)) throw failure;
    });
  }
}
