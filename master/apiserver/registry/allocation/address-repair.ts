/**
 * Keeps the IPAddresses of Services as the Services are, as Kubernetes' repair loop does. They come and go with their Services, so
 * there is something to do only where somebody deleted one, or where a Service is of a time before there were any.
 */
import { type Clock, sleep } from '../../../api/clock.ts';
import type { Logger } from '../../../api/logging.ts';
import { unlessOvertaken } from '../../../api/overtaken.ts';
import type { IPAddress, Service } from '../../../api/types.ts';
import type { RequestContext } from '../context.ts';
import type { Resource } from '../resource.ts';
import { addressesOf, managedBy, serviceAddress } from './service-allocator.ts';

export interface AddressRepairParts {
  readonly services: Resource;
  readonly addresses: Resource;
}

const everyMs = 180_000;

/** Every three minutes, until the context's signal is aborted. */
export async function keepServiceAddresses(
  { clock, logger, ...parts }: AddressRepairParts & { readonly clock: Clock; readonly logger: Logger },
  ctx: RequestContext,
): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      await repairServiceAddresses(parts, ctx);
    } catch (error) {
      logger.warn({ err: error }, 'the addresses of Services could not be looked through');
    }
    await sleep(everyMs, ctx.signal, clock);
  }
}

/** Makes what is missing and takes away what belongs to no Service any more. */
export async function repairServiceAddresses(
  { services, addresses }: AddressRepairParts,
  ctx: RequestContext,
): Promise<void> {
  // What is stored under a resource is of its type.
  const present = (await addresses.list(ctx, undefined, {})).items.map(({ object }) => object as IPAddress);
  const all = (await services.list(ctx, undefined, {})).items.map(({ object }) => object as Service);
  const wanted = new Map(all.flatMap((service) => addressesOf(service).map((address) => [address, service] as const)));
  const known = new Set(present.map(({ metadata }) => metadata?.name));
  for (const [address, service] of wanted) {
    if (known.has(address)) continue;
    await unlessOvertaken(addresses.create(ctx, undefined, serviceAddress(address, service)));
  }
  for (const { metadata = {}, spec } of present) {
    const { name = '', uid = '', resourceVersion = '', labels } = metadata;
    const owner = wanted.get(name)?.metadata;
    const { name: parent, namespace } = spec?.parentRef ?? {};
    const owned = owner?.name === parent && owner?.namespace === namespace;
    if (owned || !Object.entries(managedBy).every(([key, value]) => labels?.[key] === value)) continue;
    await unlessOvertaken(addresses.delete(ctx, { name }, { preconditions: { uid, resourceVersion } }));
  }
}
