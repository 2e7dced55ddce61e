/** Where a pod wants to be: near which nodes, and near or away from which pods. */
import type { PodSpec } from '../../../../api/types.ts';
import { isDns1123Label, isQualifiedName } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { timesSelected, validateLabelSelector } from '../label-selector.ts';
import { validateNodeSelector, validateNodeSelectorTerm } from '../node-selector.ts';

type Affinity = NonNullable<PodSpec['affinity']>;
type Terms = NonNullable<Affinity['podAffinity']>;
type Term = NonNullable<Terms['requiredDuringSchedulingIgnoredDuringExecution']>[number];

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferred = 'preferredDuringSchedulingIgnoredDuringExecution';

export function validateAffinity(
  { nodeAffinity, podAffinity, podAntiAffinity }: Affinity,
  path: string,
  errors: FieldErrors,
): void {
  if (nodeAffinity) {
    const field = `${path}.nodeAffinity`;
    const selector = nodeAffinity[required];
    if (selector) validateNodeSelector(selector, `${field}.${required}`, errors);
    (nodeAffinity[preferred] ?? []).forEach(({ weight, preference }, index) => {
      const at = `${field}.${preferred}[${index}]`;
      validateWeight(weight, at, errors);
      validateNodeSelectorTerm(preference ?? {}, `${at}.preference`, errors, true);
    });
  }
  if (podAffinity) validateTerms(podAffinity, `${path}.podAffinity`, errors);
  if (podAntiAffinity) validateTerms(podAntiAffinity, `${path}.podAntiAffinity`, errors);
}

function validateTerms(terms: Terms, path: string, errors: FieldErrors): void {
  (terms[required] ?? []).forEach((term, index) => {
    validateTerm(term, `${path}.${required}[${index}]`, errors);
  });
  (terms[preferred] ?? []).forEach(({ weight, podAffinityTerm }, index) => {
    const at = `${path}.${preferred}[${index}]`;
    validateWeight(weight, at, errors);
    validateTerm(podAffinityTerm ?? { topologyKey: '' }, `${at}.podAffinityTerm`, errors);
  });
}

function validateWeight(weight: number | undefined, path: string, errors: FieldErrors): void {
  const value = weight ?? 0;
  if (value < 1 || value > 100) errors.invalid(`${path}.weight`, value, 'must be in the range 1-100');
}

function validateTerm(
  { labelSelector, namespaceSelector, namespaces = [], topologyKey = '', ...keys }: Term,
  path: string,
  errors: FieldErrors,
): void {
  validateLabelSelector(labelSelector, `${path}.labelSelector`, errors);
  validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, errors);
  for (const namespace of namespaces) {
    errors.invalidFor(`${path}.namespace`, namespace, isDns1123Label(namespace));
  }
  const { matchLabelKeys = [], mismatchLabelKeys = [] } = keys;
  for (const [name, listed] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    const field = `${path}.${name}`;
    if (listed.length > 0 && !labelSelector) {
      errors.forbidden(field, 'must not be specified when labelSelector is not set');
      continue;
    }
    listed.forEach((key, index) => {
      errors.invalidFor(`${field}[${index}]`, key, isQualifiedName(key));
    });
  }
  matchLabelKeys.forEach((key, index) => {
    if (mismatchLabelKeys.includes(key)) {
      errors.invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys');
    }
    // Once it is there because of the key itself. Kubernetes says so at the term.
    if (timesSelected(labelSelector, key) > 1) {
      errors.invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector');
    }
  });
  if (topologyKey === '') errors.required(`${path}.topologyKey`, 'can not be empty');
  errors.invalidFor(`${path}.topologyKey`, topologyKey, isQualifiedName(topologyKey));
}
