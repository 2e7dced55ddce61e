/** The rules of node selectors, of pods and of volumes (Kubernetes' "Assigning Pods to Nodes" page). */
import type { NodeSelector, NodeSelectorTerm } from '../../../api/types.ts';
import { isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateSetOperator } from './label-selector.ts';

type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

/** A selector that a node must match. */
export function validateNodeSelector(selector: NodeSelector, path: string, errors: FieldErrors): void {
  const field = `${path}.nodeSelectorTerms`;
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) errors.required(field, 'must have at least one node selector term');
  terms.forEach((term, index) => {
    validateNodeSelectorTerm(term, `${field}[${index}]`, errors);
  });
}

/** `anyValue`: values that no label can have are well, as they are where a node need not match. */
export function validateNodeSelectorTerm(
  { matchExpressions = [], matchFields = [] }: NodeSelectorTerm,
  path: string,
  errors: FieldErrors,
  anyValue = false,
): void {
  matchExpressions.forEach((requirement, index) => {
    validateRequirement(requirement, `${path}.matchExpressions[${index}]`, anyValue, errors);
  });
  matchFields.forEach((requirement, index) => {
    validateFieldRequirement(requirement, `${path}.matchFields[${index}]`, errors);
  });
}

function validateRequirement(
  { key = '', operator = '', values = [] }: Requirement,
  field: string,
  anyValue: boolean,
  errors: FieldErrors,
): void {
  if (operator !== 'Gt' && operator !== 'Lt') validateSetOperator(operator, values, field, errors);
  else if (values.length !== 1) {
    errors.required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'");
  }
  errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
  if (anyValue) return;
  values.forEach((value, index) => {
    errors.invalidFor(`${field}.values[${index}]`, value, isLabelValue(value));
  });
}

function validateFieldRequirement(
  { key = '', operator = '', values = [] }: Requirement,
  field: string,
  errors: FieldErrors,
): void {
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.invalid(`${field}.operator`, operator, 'not a valid selector operator');
  } else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.required(`${field}.values`, why);
  }
  if (key !== 'metadata.name') errors.invalid(`${field}.key`, key, 'not a valid field selector key');
  else {
    values.forEach((value, index) => {
      errors.invalidFor(`${field}.values[${index}]`, value, isDns1123Subdomain(value));
    });
  }
}
