/**
 * Keeps the flow schemas and priority levels that every cluster begins with, by the rules of
 * https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#maintenance-of-the-mandatory-and-suggested-configuration-objects
 *
 * Guarantees: the mandatory ones are there and as they must be; a suggested one is made again when it is deleted, and brought up to
 * date as long as its annotation, or that nobody has changed its spec, lets the server; what an earlier version made and this one
 * does not know goes. Any number of servers may do it at once.
 */
import { sleep } from '../../api/clock.ts';
import { isNotFound } from '../../api/errors.ts';
import type { Logger } from '../../api/logging.ts';
import { deepEqual } from '../../api/meta.ts';
import { unlessOvertaken } from '../../api/overtaken.ts';
import type { KubeObject } from '../../api/types.ts';
import type { RequestContext } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { defaultFlowSchemas, defaultPriorityLevels, mandatory } from './defaults.ts';

type WithSpec = KubeObject & { spec?: object };

const group = 'flowcontrol.apiserver.k8s.io';
const autoupdate = 'apf.kubernetes.io/autoupdate-spec';
const everyMs = 60_000;

/** Once, now. */
export async function makeDefaultFlowControl(registry: Registry, ctx: RequestContext): Promise<void> {
  await maintain(resourceOf(registry, 'prioritylevelconfigurations'), ctx, defaultPriorityLevels);
  await maintain(resourceOf(registry, 'flowschemas'), ctx, defaultFlowSchemas);
}

/** Every minute, until the context's signal is aborted. */
export async function keepDefaultFlowControl(registry: Registry, ctx: RequestContext, logger: Logger): Promise<void> {
  for (;;) {
    await sleep(everyMs, ctx.signal);
    if (ctx.signal.aborted) return;
    try {
      await makeDefaultFlowControl(registry, ctx);
    } catch (error) {
      logger.warn({ err: error }, 'the default flow schemas and priority levels could not be kept up');
    }
  }
}

function resourceOf(registry: Registry, name: string): Resource {
  const resource = registry.resource(group, 'v1', name);
  if (!resource) throw new Error(`the registry lacks ${name}`);
  return resource;
}

async function maintain(resource: Resource, ctx: RequestContext, defaults: readonly WithSpec[]): Promise<void> {
  await Promise.all(defaults.map((wanted) => reconcile(resource, ctx, wanted)));
  const names = new Set(defaults.map(({ metadata }) => metadata?.name));
  const { items } = await resource.list(ctx, undefined, { resourceVersion: '0' });
  for (const { object } of items) {
    const { name = '', uid = '', resourceVersion = '', annotations } = object.metadata ?? {};
    if (names.has(name) || annotations?.[autoupdate] !== 'true') continue;
    await unlessOvertaken(resource.delete(ctx, { name }, { preconditions: { uid, resourceVersion } }));
  }
}

async function reconcile(resource: Resource, ctx: RequestContext, wanted: WithSpec): Promise<void> {
  const name = wanted.metadata?.name ?? '';
  let present: WithSpec;
  try {
    present = (await resource.get(ctx, { name }, {})).object;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await unlessOvertaken(resource.create(ctx, undefined, structuredClone(wanted)));
    return;
  }
  const { metadata = {} } = present;
  const mayUpdate = mandatory.has(name) || isServers(present);
  // What the API server has added by default is no difference.
  const same = !mayUpdate || deepEqual({ ...present.spec, ...wanted.spec }, present.spec);
  if (same && metadata.annotations?.[autoupdate] === String(mayUpdate)) return;
  const annotations = { ...metadata.annotations, [autoupdate]: String(mayUpdate) };
  const spec = same ? present.spec : wanted.spec;
  const changed = { ...present, metadata: { ...metadata, annotations }, spec };
  await unlessOvertaken(resource.update(ctx, { name }, structuredClone(changed)));
}

/** Whether the spec is the server's to change: the annotation says so, or else that nobody has changed it yet. */
function isServers({ metadata: { annotations, generation } = {} }: KubeObject): boolean {
  const said = annotations?.[autoupdate];
  return said === 'true' || (said !== 'false' && generation === 1);
}
