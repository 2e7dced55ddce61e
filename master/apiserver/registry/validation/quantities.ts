/** Amounts of resources, and the names of resources (Kubernetes' "Resource Management for Pods and Containers" page). */
import { isQuantity, milliValue, quantityPattern } from '../../../api/quantity.ts';
import { isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { notNegative } from './numbers.ts';

/** A quantity that can be read and is not negative. */
export function validateQuantity(value: string, field: string, errors: FieldErrors): void {
  if (!isQuantity(value)) {
    errors.invalid(field, value, `quantities must match the regular expression '${quantityPattern}'`);
  } else if (milliValue(value) < 0) errors.invalid(field, value, notNegative);
}

/** The same for an amount of `name`, which is a whole number where the resource is counted in pieces. */
export function validateAmount(name: string, value: string, field: string, errors: FieldErrors): void {
  validateQuantity(value, field, errors);
  if (isCounted(name) && isQuantity(value) && milliValue(value) % 1000 !== 0) {
    errors.invalid(field, value, 'must be an integer');
  }
}

/** Resources that have a short name, though no group is written with it. */
const computed = ['cpu', 'memory', 'ephemeral-storage'];
const counted = [
  ...['pods', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets', 'configmaps'],
  ...['persistentvolumeclaims', 'services.nodeports', 'services.loadbalancers'],
];
const ofQuotas = new Set([
  ...computed,
  ...counted,
  ...computed.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  ...['storage', 'requests.storage'],
]);

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** Resources that Kubernetes itself knows. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** Resources of device plugins. */
const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && isQualifiedName(`requests.${name}`).length === 0;

const isCounted = (name: string): boolean => counted.includes(name) || isExtended(name);

/** Whether there may be more limits than there is of the resource. */
export const mayBeOvercommitted = (name: string): boolean => isNative(name) && !isHugePages(name);

/** Whether a quota may limit a resource of this short name. */
export const isQuotaName = (name: string): boolean =>
  ofQuotas.has(name) || isHugePages(name) || name.startsWith('requests.hugepages-');

/** A name that a resource can have. Gives whether it is right so far. */
export function validateResourceName(name: string, field: string, errors: FieldErrors): boolean {
  const messages = isQualifiedName(name);
  errors.invalidFor(field, name, messages);
  if (messages.length > 0) return false;
  if (!name.includes('/') && !isQuotaName(name)) {
    errors.invalid(field, name, 'must be a standard resource type or fully qualified');
  }
  return true;
}

/** A resource that a container can ask for. */
export function validateContainerResourceName(name: string, field: string, errors: FieldErrors): void {
  if (computed.includes(name)) return;
  if (!validateResourceName(name, field, errors)) return;
  if (!name.includes('/')) {
    if (!isHugePages(name)) errors.invalid(field, name, 'must be a standard resource for containers');
  } else if (!isNative(name) && !isExtended(name)) {
    errors.invalid(field, name, "doesn't follow extended resource name standard");
  }
}
