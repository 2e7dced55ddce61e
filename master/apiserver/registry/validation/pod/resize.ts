/** How the resources of containers that run may change (KEP-1287). */
import { deepEqual } from '../../../../api/meta.ts';
import { isQuantity, quantityToNumber } from '../../../../api/quantity.ts';
import type { Container, PodSpec } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';

type Amounts = Readonly<Record<string, string>>;

/** `now` and `before` have the same containers in the same order. */
export function validateResize(now: PodSpec, before: PodSpec, errors: FieldErrors): void {
  now.containers.forEach((container, index) => {
    const old = before.containers[index];
    validateContainer(container, old, `spec.containers[${index}].resources`, errors);
    if (!deepEqual(otherResources(container), otherResources(old))) {
      errors.forbidden('spec', 'only cpu and memory resources are mutable');
    }
  });
  (now.initContainers ?? []).forEach((container, index) => {
    const old = before.initContainers?.[index];
    if (container.restartPolicy !== 'Always') {
      if (!deepEqual(container.resources, old?.resources)) {
        errors.forbidden('spec', 'resources for non-sidecar init containers are immutable');
      }
      return;
    }
    validateContainer(container, old, `spec.initContainers[${index}].resources`, errors);
    if (!deepEqual(otherResources(container), otherResources(old))) {
      errors.forbidden('spec', 'only cpu and memory resources for sidecar containers are mutable');
    }
  });
}

/** What is asked for or limited stays so, however much it is. */
function validateContainer(container: Container, old: Container | undefined, path: string, errors: FieldErrors): void {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const before = old?.resources ?? {};
  if (lacks(requests, before.requests)) {
    errors.forbidden(`${path}.requests`, 'resource requests cannot be removed');
  }
  if (lacks(limits, before.limits)) errors.forbidden(`${path}.limits`, 'resource limits cannot be removed');
}

const lacks = (now: Amounts, before: Amounts = {}): boolean => Object.keys(before).some((name) => !(name in now));

/** What is no matter of a resize. Amounts are compared as numbers. */
function otherResources(container: Container | undefined): unknown {
  const { limits, requests, claims } = container?.resources ?? {};
  const others = (amounts: Amounts = {}): [string, number | string][] =>
    Object.entries(amounts)
      .filter(([name]) => name !== 'cpu' && name !== 'memory')
      .map(([name, amount]) => [name, isQuantity(amount) ? quantityToNumber(amount) : amount]);
  return { limits: others(limits), requests: others(requests), claims: claims ?? [] };
}
