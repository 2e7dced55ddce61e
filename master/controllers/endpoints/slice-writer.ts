/** Writes the EndpointSlices of services, and knows what of that the cache does not show yet. Shared by who plans them. */
import { newer } from '../../api/election.ts';
import { isNamespaceTerminating, isNotFound } from '../../api/errors.ts';
import { keyOf } from '../../api/meta.ts';
import type { EndpointSlice } from '../../api/types.ts';
import type { ControllerContext } from '../context.ts';
import type { SliceChanges } from './slices.ts';

export class SliceWriter {
  readonly #context: Pick<ControllerContext, 'caches' | 'client' | 'metrics'>;
  /** Service → the last version of all that this leader wrote for it. */
  readonly #written = new Map<string, string>();

  constructor(context: Pick<ControllerContext, 'caches' | 'client' | 'metrics'>) {
    this.#context = context;
  }

  isBehind(service: string): boolean {
    return newer(this.#written.get(service) ?? '0', this.#context.caches.endpointslices.resourceVersion);
  }

  forget(service: string): void {
    this.#written.delete(service);
  }

  /** First what is there, then what is new, then what goes: an endpoint that moves is never missing. */
  async write(service: string, { update, create, remove }: SliceChanges): Promise<void> {
    const { client, metrics } = this.#context;
    for (const slice of update) {
      this.#note(service, await client.update('endpointslices', slice));
      metrics.sliceChanges.inc({ operation: 'update' });
    }
    for (const slice of create) {
      try {
        this.#note(service, await client.create('endpointslices', slice));
      } catch (error) {
        // The namespace is on its way out; its services follow.
        if (isNamespaceTerminating(error)) return;
        throw error;
      }
      metrics.sliceChanges.inc({ operation: 'create' });
    }
    for (const slice of remove) {
      await this.#remove(slice);
      metrics.sliceChanges.inc({ operation: 'delete' });
    }
  }

  #note(service: string, { metadata }: EndpointSlice): void {
    const version = metadata?.resourceVersion ?? '0';
    if (newer(version, this.#written.get(service) ?? '0')) this.#written.set(service, version);
  }

  async #remove(slice: EndpointSlice): Promise<void> {
    const { namespace, name = '', uid } = slice.metadata ?? {};
    try {
      await this.#context.client.delete('endpointslices', { namespace, name }, { preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error)) throw new Error(`slice ${keyOf(slice)} was not removed`, { cause: error });
    }
  }
}
