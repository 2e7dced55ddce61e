/**
 * What most kinds have in common: a spec that clients write, and perhaps a status that only controllers write, by its
 * subresource. A strategy spreads one of these and adds what is its own.
 */
import { type Kind, kinds } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, nameColumn } from '../columns/common.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

interface WithStatus extends KubeObject {
  status?: unknown;
}

/**
 * The hooks of a kind with a status: it begins with `initial` (nothing unless given), and writes to the object leave it as it
 * is. `validate` is for writes to the status.
 */
export function withStatus<T extends WithStatus>(
  initial?: () => T['status'],
  validate?: (object: T, old: T, errors: FieldErrors) => void,
): Pick<Strategy<T>, 'prepareForCreate' | 'prepareForUpdate' | 'subresources'> {
  return {
    prepareForCreate(object) {
      if (initial) object.status = initial();
      else delete object.status;
    },
    prepareForUpdate(object, old) {
      if (old.status === undefined) delete object.status;
      else object.status = old.status;
    },
    subresources: { status: statusOnly<T>(validate) },
  };
}

function plain(kind: Kind, more: Partial<Strategy> = {}): Strategy {
  const status = kind.subresources.some(({ name }) => name === 'status') ? withStatus() : {};
  return { kind, columns: [nameColumn, ageColumn], nameErrors: isDns1123Subdomain, ...status, ...more };
}

const generation: Partial<Strategy> = { hasGeneration: true };

/** The kinds that have nothing of their own yet. */
export const plainStrategies: readonly Strategy[] = [
  plain(kinds.podtemplates, generation),
  plain(kinds.limitranges),
  plain(kinds.resourcequotas),
  plain(kinds.persistentvolumes),
  plain(kinds.persistentvolumeclaims),
  plain(kinds.apiservices),
  plain(kinds.jobs, generation),
  plain(kinds.cronjobs, generation),
  plain(kinds.ingresses, generation),
  plain(kinds.ingressclasses, generation),
  plain(kinds.networkpolicies, generation),
  plain(kinds.ipaddresses),
  plain(kinds.servicecidrs),
  plain(kinds.poddisruptionbudgets, generation),
  plain(kinds.storageclasses),
  plain(kinds.volumeattachments),
  plain(kinds.csidrivers),
  plain(kinds.csinodes),
  plain(kinds.csistoragecapacities),
  plain(kinds.volumeattributesclasses),
  plain(kinds.mutatingwebhookconfigurations, generation),
  plain(kinds.validatingwebhookconfigurations, generation),
  plain(kinds.validatingadmissionpolicies, generation),
  plain(kinds.validatingadmissionpolicybindings, generation),
  plain(kinds.mutatingadmissionpolicies, generation),
  plain(kinds.mutatingadmissionpolicybindings, generation),
  plain(kinds.priorityclasses, generation),
  plain(kinds.runtimeclasses),
  plain(kinds.deviceclasses, generation),
  plain(kinds.resourceclaims),
  plain(kinds.resourceclaimtemplates),
  plain(kinds.resourceslices, generation),
  plain(kinds.flowschemas, generation),
  plain(kinds.prioritylevelconfigurations, generation),
];
