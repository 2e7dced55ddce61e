/**
 * NamespaceLifecycle: nothing is created in a namespace that is missing or ends, and the namespaces that the cluster needs
 * do not end.
 */
import type { Clock } from '../../api/clock.ts';
import { forbidden, notFound } from '../../api/errors.ts';
import { kinds, reviewKinds } from '../../api/kinds.ts';
import type { Freshness, Objects } from './objects.ts';
import type { AdmissionPlugin } from './types.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

/** How long the cache is not trusted on a namespace whose deletion went through this server. */
const distrustMs = 30_000;

export interface NamespaceLifecycleOptions {
  readonly objects: Objects;
  readonly clock: Clock;
}

export function namespaceLifecycle({ objects, clock }: NamespaceLifecycleOptions): AdmissionPlugin {
  const read = (name: string, freshness: Freshness) => objects.get('namespaces', name, undefined, freshness);
  const distrusted = new Map<string, number>();
  return {
    name: 'NamespaceLifecycle',
    async admit({ operation, kind, name, namespace = '', ctx }) {
      if (operation === 'DELETE' && kind === kinds.namespaces) {
        if (immortal.has(name)) throw forbidden(kind, name, 'this namespace may not be deleted');
        if (!ctx.dryRun) distrusted.set(name, clock.now() + distrustMs);
      }
      if (operation !== 'CREATE' || !kind.namespaced || kind === reviewKinds.localSubjectAccessReview) return;
      const found = isDistrusted(namespace) ? undefined : await read(namespace, 'any');
      if (found?.status?.phase === 'Active') return;
      // Whatever else the cache says may be out of date: the namespace may have been made, or made again, since.
      const latest = await read(namespace, 'consistent');
      if (!latest) throw notFound(kinds.namespaces, namespace);
      if (latest.status?.phase !== 'Terminating') return;
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      const error = forbidden(kind, name, why);
      const cause = {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      };
      error.status.details = { ...error.status.details, causes: [cause] };
      throw error;
    },
  };

  function isDistrusted(name: string): boolean {
    const until = distrusted.get(name);
    if (until === undefined) return false;
    if (clock.now() < until) return true;
    distrusted.delete(name);
    return false;
  }
}
