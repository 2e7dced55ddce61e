/** What a kubelet may report of a pod (Kubernetes' `ValidatePodStatusUpdate`). */
import { isIP } from 'node:net';
import type { Pod } from '../../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../../api/validation-names.ts';
import { addressErrors } from '../addresses.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateAnnotationsUpdate } from './annotations.ts';

const ofSystem = ['PodScheduled', 'Ready', 'Initialized'];

export function validatePodStatus(pod: Pod, old: Pod, errors: FieldErrors): void {
  const { conditions = [], nominatedNodeName, qosClass, podIPs = [], hostIPs = [], hostIP } = pod.status ?? {};
  validateAnnotationsUpdate(pod, old, errors);
  conditions.forEach(({ type = '' }, index) => {
    if (ofSystem.includes(type)) return;
    errors.invalidFor(`metadata.conditions[${index}].Type`, type, isQualifiedName(type));
  });
  if (nominatedNodeName && nominatedNodeName !== old.status?.nominatedNodeName) {
    errors.invalidFor('status.nominatedNodeName', nominatedNodeName, isDns1123Subdomain(nominatedNodeName));
  }
  errors.immutable('status.qosClass', qosClass, qosClass === old.status?.qosClass || !old.status?.qosClass);
  validateAddresses(podIPs, old.status?.podIPs, 'status.podIPs', errors);
  validateAddresses(hostIPs, old.status?.hostIPs, 'status.hostIPs', errors);
  const [first] = hostIPs;
  if (first && first.ip !== hostIP) errors.invalid('status.hostIPs[0].ip', first.ip, 'must be equal to `hostIP`');
}

/** One of each family at most. */
function validateAddresses(
  addresses: readonly { ip?: string }[],
  old: readonly { ip?: string }[] | undefined,
  field: string,
  errors: FieldErrors,
): void {
  const known = (old ?? []).map(({ ip }) => ip);
  const families = new Set<number>();
  let right = true;
  addresses.forEach(({ ip = '' }, index) => {
    const family = isIP(ip);
    errors.invalidFor(`${field}[${index}]`, ip, addressErrors(ip, known));
    if (family === 0 || families.has(family)) right = false;
    families.add(family);
  });
  if (!right && addresses.length > 1) {
    errors.invalid(field, addresses, 'may specify no more than one IP for each IP family');
  }
}
