/** Policies of admission in CEL, and their bindings (admissionregistration.k8s.io/v1). */
import { kinds } from '../../../api/kinds.ts';
import type {
  KubeObject,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, column, integerColumn, nameColumn } from '../columns/common.ts';
import type { Column } from '../context.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import { validateExpression, validateMutation } from '../validation/admission-expressions.ts';
import { validateMatchConditions, validateRules } from '../validation/admission-rules.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { withStatus } from './with-status.ts';

type Policy = NonNullable<ValidatingAdmissionPolicy['spec']>;
type MutatingSpec = NonNullable<MutatingAdmissionPolicy['spec']>;
type Binding = NonNullable<ValidatingAdmissionPolicyBinding['spec']>;
type Matching = NonNullable<Policy['matchConstraints']>;

interface PolicyObject extends KubeObject {
  spec?: Policy | MutatingSpec;
}

const paramKindColumn: Column = column<PolicyObject>(
  'ParamKind',
  'ParamKind specifies the kind of resources used to parameterize this policy',
  ({ spec }) => {
    const { paramKind } = spec ?? {};
    return paramKind ? `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}` : '<unset>';
  },
);

export const validatingPolicyStrategy: Strategy<ValidatingAdmissionPolicy> = {
  kind: kinds.validatingadmissionpolicies,
  columns: [
    nameColumn,
    integerColumn<ValidatingAdmissionPolicy>(
      'Validations',
      'Validations indicates the number of validation rules defined in this configuration',
      ({ spec }) => spec?.validations?.length ?? 0,
    ),
    paramKindColumn,
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<ValidatingAdmissionPolicy>(),
  subresources: { status: nothingButStatus<ValidatingAdmissionPolicy>() },
  setDefaults: ({ spec }) => setPolicyDefaults(spec),
  validate({ spec }, errors) {
    validatePolicy(spec, errors);
    const { validations = [], auditAnnotations = [] } = spec ?? {};
    if (validations.length + auditAnnotations.length === 0) {
      errors.required('spec.validations', 'validations or auditAnnotations must be non-empty');
    }
    validations.forEach(({ expression = '', message, messageExpression, reason }, index) => {
      const field = `spec.validations[${index}]`;
      if (expression.trim() === '') errors.required(`${field}.expression`, 'expression is not specified');
      if (message !== undefined && message.trim() === '') {
        errors.invalid(`${field}.message`, message, 'message must be non-empty if specified');
      } else if (message?.includes('\n')) {
        errors.invalid(`${field}.message`, message, 'message must not contain line breaks');
      }
      if (messageExpression?.trim() === '') {
        errors.invalid(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified');
      }
      validateExpression(expression, 'policy', 'bool', `${field}.expression`, errors);
      validateExpression(messageExpression ?? '', 'policy', 'string', `${field}.messageExpression`, errors);
      if (reason) validateOneOf(reason, reasons, `${field}.reason`, errors);
    });
    auditAnnotations.forEach(({ key = '', valueExpression = '' }, index) => {
      const field = `spec.auditAnnotations[${index}]`;
      if (key === '') errors.required(`${field}.key`, 'key is required');
      else errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
      if (valueExpression.trim() === '') errors.required(`${field}.valueExpression`, 'valueExpression is required');
      validateExpression(valueExpression, 'policy', 'any', `${field}.valueExpression`, errors);
    });
  },
};

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];

export const mutatingPolicyStrategy: Strategy<MutatingAdmissionPolicy> = {
  kind: kinds.mutatingadmissionpolicies,
  columns: [
    nameColumn,
    integerColumn<MutatingAdmissionPolicy>(
      'Mutations',
      'Mutation indicates the number of mutations rules defined in this configuration',
      ({ spec }) => spec?.mutations?.length ?? 0,
    ),
    paramKindColumn,
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  setDefaults: ({ spec }) => setPolicyDefaults(spec),
  validate({ spec }, errors) {
    validatePolicy(spec, errors);
    const { mutations = [], reinvocationPolicy } = spec ?? {};
    if (mutations.length === 0) errors.required('spec.mutations', 'mutations must contain at least one item');
    mutations.forEach(({ patchType = '', applyConfiguration, jsonPatch }, index) => {
      const field = `spec.mutations[${index}]`;
      if (patchType === '') errors.required(`${field}.patchType`);
      else validateOneOf(patchType, ['ApplyConfiguration', 'JSONPatch'], `${field}.patchType`, errors);
      for (const [name, type, expression] of [
        ['applyConfiguration', 'ApplyConfiguration', applyConfiguration],
        ['jsonPatch', 'JSONPatch', jsonPatch],
      ] as const) {
        if (patchType === type && !expression?.expression?.trim()) {
          errors.required(`${field}.${name}.expression`, 'expression is not specified');
        } else if (patchType === type && expression?.expression) {
          validateMutation(expression.expression, type, `${field}.${name}.expression`, errors);
        } else if (patchType !== type && expression) {
          errors.invalid(`${field}.${name}`, '{}', `must not be set when patchType is ${patchType}`);
        }
      }
    });
    if (!reinvocationPolicy) errors.required('spec.reinvocationPolicy');
    else validateOneOf(reinvocationPolicy, ['IfNeeded', 'Never'], 'spec.reinvocationPolicy', errors);
  },
};

function setPolicyDefaults(spec: Policy | MutatingSpec | undefined): void {
  if (!spec) return;
  spec.failurePolicy ??= 'Fail';
  if (spec.matchConstraints) setMatchingDefaults(spec.matchConstraints);
}

function setMatchingDefaults(matching: Matching): void {
  matching.matchPolicy ??= 'Equivalent';
  matching.namespaceSelector ??= {};
  matching.objectSelector ??= {};
  for (const rule of [...(matching.resourceRules ?? []), ...(matching.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

function validatePolicy(spec: Policy | MutatingSpec | undefined, errors: FieldErrors): void {
  const { failurePolicy = '', paramKind, matchConstraints, matchConditions = [], variables = [] } = spec ?? {};
  validateOneOf(failurePolicy, ['Fail', 'Ignore'], 'spec.failurePolicy', errors);
  for (const part of ['apiVersion', 'kind'] as const) {
    if (paramKind && !paramKind[part]) errors.required(`spec.paramKind.${part}`);
  }
  if (!matchConstraints) errors.required('spec.matchConstraints');
  else {
    validateMatching(matchConstraints, 'spec.matchConstraints', errors);
    if (!matchConstraints.resourceRules?.length) errors.required('spec.matchConstraints.resourceRules');
  }
  validateMatchConditions(matchConditions, 'policy', 'spec.matchConditions', errors);
  const names = new Set<string>();
  variables.forEach(({ name = '', expression = '' }, index) => {
    const field = `spec.variables[${index}]`;
    if (name === '') errors.required(`${field}.name`, 'name is not specified');
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name))
      errors.invalid(`${field}.name`, name, 'name is not a valid CEL identifier');
    if (names.has(name)) errors.duplicate(`${field}.name`, name);
    names.add(name);
    if (expression.trim() === '') errors.required(`${field}.expression`, 'expression is not specified');
    else validateExpression(expression, 'policy', 'any', `${field}.expression`, errors);
  });
}

function validateMatching(matching: Matching, field: string, errors: FieldErrors): void {
  validateLabelSelector(matching.namespaceSelector, `${field}.namespaceSelector`, errors);
  validateLabelSelector(matching.objectSelector, `${field}.objectSelector`, errors);
  for (const part of ['resourceRules', 'excludeResourceRules'] as const) {
    validateRules(matching[part] ?? [], `${field}.${part}`, errors);
  }
  if (matching.matchPolicy)
    validateOneOf(matching.matchPolicy, ['Equivalent', 'Exact'], `${field}.matchPolicy`, errors);
}

type BindingObject = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

const binding: Omit<Strategy<BindingObject>, 'kind' | 'subresources' | 'allocator'> = {
  columns: [
    nameColumn,
    column<BindingObject>(
      'PolicyName',
      'PolicyName indicates the policy definition which the policy binding binded to',
      ({ spec }) => spec?.policyName ?? '',
    ),
    column<BindingObject>(
      'ParamRef',
      'ParamRef indicates the param resource which sets the configration param',
      ({ spec }) => paramRefText(spec?.paramRef),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  setDefaults({ spec }) {
    if (spec?.matchResources) setMatchingDefaults(spec.matchResources);
  },
  validate({ spec }, errors) {
    const { policyName = '', paramRef, matchResources } = spec ?? {};
    if (policyName === '') errors.required('spec.policyName');
    else errors.invalidFor('spec.policyName', policyName, isDns1123Subdomain(policyName));
    if (matchResources) validateMatching(matchResources, 'spec.matchResources', errors);
    if (!paramRef) return;
    const { name, selector, parameterNotFoundAction } = paramRef;
    if (name && selector) errors.forbidden('spec.paramRef.name', 'name and selector are mutually exclusive');
    else if (!name && !selector) errors.required('spec.paramRef', 'one of name or selector must be specified');
    validateLabelSelector(selector, 'spec.paramRef.selector', errors);
    const field = 'spec.paramRef.parameterNotFoundAction';
    if (!parameterNotFoundAction) errors.required(field, 'one of Allow, Deny must be specified');
    else validateOneOf(parameterNotFoundAction, ['Allow', 'Deny'], field, errors);
  },
};

function paramRefText(paramRef: Binding['paramRef']): string {
  if (!paramRef) return '<unset>';
  const { name, namespace } = paramRef;
  if (!name) return '*';
  return namespace ? `${namespace}/${name}` : name;
}

const validationActions = ['Audit', 'Deny', 'Warn'];

export const validatingPolicyBindingStrategy: Strategy<ValidatingAdmissionPolicyBinding> = {
  ...binding,
  kind: kinds.validatingadmissionpolicybindings,
  validate(object, errors) {
    binding.validate?.(object, errors);
    const field = 'spec.validationActions';
    const actions = object.spec?.validationActions ?? [];
    if (actions.length === 0) errors.required(field, 'at least one validation action is required');
    const seen = new Set<string>();
    actions.forEach((action, index) => {
      validateOneOf(action, validationActions, `${field}[${index}]`, errors);
      if (seen.has(action)) errors.duplicate(`${field}[${index}]`, action);
      seen.add(action);
    });
    if (seen.has('Deny') && seen.has('Warn')) {
      errors.invalid(
        field,
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      );
    }
  },
};

export const mutatingPolicyBindingStrategy: Strategy<MutatingAdmissionPolicyBinding> = {
  ...binding,
  kind: kinds.mutatingadmissionpolicybindings,
};
