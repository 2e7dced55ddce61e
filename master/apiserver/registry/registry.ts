/**
 * The registry: every resource of the API, over one store.
 */
import type { Resource } from './resource.ts';

export interface Registry {
  readonly all: readonly Resource[];
  resource(group: string, version: string, resourceName: string): Resource | undefined;
  /**
   * Makes what every cluster has (namespaces, the `kubernetes` Service) and keeps the addresses of the live API servers
   * in its endpoints until `signal` ends. Safe with any number of API servers. Resolves when the first pass is through.
   */
  start(signal: AbortSignal): Promise<void>;
}
