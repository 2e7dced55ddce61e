/** How much a container, or a whole pod, asks for and may use, and which devices (KEP-2837 for pods, KEP-4381 for devices). */
import { formatAmount, podAmounts } from '../../../../api/pod-resources.ts';
import { isQuantity, milliValue, quantityToNumber } from '../../../../api/quantity.ts';
import type { Container, PodSpec } from '../../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { isHugePages, mayBeOvercommitted, validateAmount, validateContainerResourceName } from '../quantities.ts';

type Requirements = NonNullable<Container['resources']>;
type Amounts = Readonly<Record<string, string>>;
type Claims = NonNullable<Requirements['claims']>;
type PodClaim = NonNullable<PodSpec['resourceClaims']>[number];

/** `claims`: the names of the claims that the pod has. */
export function validateResources(
  { limits = {}, requests = {}, claims = [] }: Requirements,
  podClaims: ReadonlySet<string>,
  path: string,
  errors: FieldErrors,
  validateName = validateContainerResourceName,
): void {
  validateAmounts(limits, `${path}.limits`, errors, validateName);
  validateAmounts(requests, `${path}.requests`, errors, validateName);
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    const field = `${path}.requests`;
    const together = mayBeOvercommitted(name);
    if (limit === undefined) {
      if (!together) errors.required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    } else if (isQuantity(limit) && isQuantity(request)) {
      const over = quantityToNumber(request) - quantityToNumber(limit);
      if (!together && over !== 0) errors.invalid(field, request, `must be equal to ${name} limit of ${limit}`);
      else if (over > 0) errors.invalid(field, request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.forbidden(path, 'HugePages require cpu or memory');
  }
  validateClaims(claims, podClaims, `${path}.claims`, errors);
}

function validateAmounts(
  amounts: Amounts,
  path: string,
  errors: FieldErrors,
  validateName: typeof validateContainerResourceName,
): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const field = `${path}[${name}]`;
    validateName(name, field, errors);
    validateAmount(name, amount, field, errors);
    if (!isHugePages(name) || !isQuantity(amount)) continue;
    const page = name.slice('hugepages-'.length);
    const pages = isQuantity(page) ? quantityToNumber(amount) / quantityToNumber(page) : Number.NaN;
    if (!Number.isInteger(pages))
      errors.invalid(field, amount, `${amount} is not positive integer multiple of ${name}`);
  }
}

/** Each names a claim of the pod, or one request of it, and none twice. */
function validateClaims(claims: Claims, known: ReadonlySet<string>, path: string, errors: FieldErrors): void {
  const seen = new Set<string>();
  claims.forEach(({ name = '', request = '' }, index) => {
    const field = `${path}[${index}]`;
    if (name === '') {
      errors.required(field);
      return;
    }
    const key = request === '' ? name : `${name}/${request}`;
    if (seen.has(name)) errors.duplicate(field, name);
    else {
      if (request !== '') errors.invalidFor(`${field}.request`, request, isDns1123Label(request));
      if (seen.has(key)) errors.duplicate(field, key);
      else if (request === '' && [...seen].some((other) => other.startsWith(`${name}/`))) errors.duplicate(field, name);
      seen.add(key);
    }
    if (!known.has(name)) {
      const which = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
      errors.notFound(field, name, `must be one of the names in pod.spec.resourceClaims${which}`);
    }
  });
}

/** The claims of a pod. Gives their names. */
export function validatePodClaims(claims: readonly PodClaim[], path: string, errors: FieldErrors): ReadonlySet<string> {
  const names = new Set<string>();
  claims.forEach((claim, index) => {
    const field = `${path}[${index}]`;
    const { name = '', resourceClaimName, resourceClaimTemplateName } = claim;
    if (name === '') errors.required(`${field}.name`);
    else if (names.has(name)) errors.duplicate(`${field}.name`, name);
    else {
      errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
      names.add(name);
    }
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      const why = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.invalid(field, claim, why);
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      errors.invalid(field, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
    for (const [source, value] of Object.entries({ resourceClaimName, resourceClaimTemplateName })) {
      if (value !== undefined) errors.invalidFor(`${field}.${source}`, value, isDns1123Subdomain(value));
    }
  });
  return names;
}

/** What the pod as a whole asks for. */
export function validatePodResources(spec: PodSpec, path: string, errors: FieldErrors): void {
  const { resources, containers = [] } = spec;
  if (!resources) return;
  if (resources.claims) errors.forbidden(`${path}.claims`, 'claims cannot be set for Resources at pod-level');
  validateResources({ ...resources, claims: [] }, new Set(), path, errors, validatePodResourceName);
  for (const [name, sum] of podAmounts({ spec: { ...spec, overhead: {} } }, 'requests')) {
    const request = resources.requests?.[name];
    if (request !== undefined && isQuantity(request) && sum > milliValue(request)) {
      const why = `must be greater than or equal to aggregate container requests of ${formatAmount(name, sum)}`;
      errors.invalid(`${path}.requests[${name}]`, request, why);
    }
  }
  containers.forEach(({ resources: own }, index) => {
    for (const [name, limit] of Object.entries(own?.limits ?? {})) {
      const most = resources.limits?.[name];
      if (isQuantity(most) && amountOf(limit) > quantityToNumber(most)) {
        const field = `${path}.containers[${index}][${name}].limits`;
        errors.invalid(field, limit, `must be less than or equal to pod limits of ${most}`);
      }
    }
  });
}

const amountOf = (text: string | undefined): number => (isQuantity(text) ? quantityToNumber(text) : 0);

function validatePodResourceName(name: string, field: string, errors: FieldErrors): void {
  if (name === 'cpu' || name === 'memory' || isHugePages(name)) return;
  errors.notSupported(field, name, ['cpu', 'hugepages-', 'memory']);
}
