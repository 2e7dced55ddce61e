/** ServiceAccount: every pod runs as some account of its namespace, `default` where it names none. */
import { kinds } from '../../api/kinds.ts';
import type { Pod } from '../../api/types.ts';
import type { AdmissionPlugin } from './types.ts';

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  admit({ operation, kind, subresource, object }) {
    if (kind !== kinds.pods || operation !== 'CREATE' || subresource !== undefined || !object) return;
    setAccount(object);
  },
};

function setAccount({ spec }: Pod): void {
  if (!spec) return;
  spec.serviceAccountName ||= 'default';
  spec.serviceAccount = spec.serviceAccountName;
}
