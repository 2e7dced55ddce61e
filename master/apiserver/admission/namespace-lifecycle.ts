/**
 * NamespaceLifecycle: nothing is created in a namespace that is missing or ends, and the namespaces that the cluster needs
 * do not end.
 */
import { forbidden, notFound } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Namespace } from '../../api/types.ts';
import type { AdmissionPlugin } from './types.ts';

const immortal = new Set(['default', 'kube-system', 'kube-public']);

type NamespaceOf = (name: string, freshness: 'any' | 'consistent') => Promise<Namespace | undefined>;

export function namespaceLifecycle(namespaceOf: NamespaceOf): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async admit({ operation, kind, name, namespace = '' }) {
      if (operation === 'DELETE' && kind === kinds.namespaces && immortal.has(name)) {
        throw forbidden(kind, name, 'this namespace may not be deleted');
      }
      if (operation !== 'CREATE' || !kind.namespaced) return;
      const found = (await namespaceOf(namespace, 'any')) ?? (await namespaceOf(namespace, 'consistent'));
      if (!found) throw notFound(kinds.namespaces, namespace);
      if (found.status?.phase !== 'Terminating' && !found.metadata?.deletionTimestamp) return;
      // The cache may show the end of a namespace of that name that has been made again since.
      const latest = await namespaceOf(namespace, 'consistent');
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
}
