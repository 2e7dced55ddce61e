/** Which requests an admission webhook or policy is about: rules and conditions. Whether a CEL expression is right is not looked at here. */
import { isQualifiedName } from '../../../api/validation-names.ts';
import { validateExpression } from './admission-expressions.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateOneOf } from './numbers.ts';

export interface AdmissionRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly scope?: string;
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

export function validateRules(rules: readonly AdmissionRule[], field: string, errors: FieldErrors): void {
  rules.forEach((rule, index) => {
    const at = `${field}[${index}]`;
    const listed = rule.operations ?? [];
    if (listed.length === 0) errors.required(`${at}.operations`);
    if (listed.length > 1 && listed.includes('*')) {
      errors.invalid(`${at}.operations`, listed, "if '*' is present, must not specify other operations");
    }
    listed.forEach((operation, number) => {
      validateOneOf(operation, operations, `${at}.operations[${number}]`, errors);
    });
    for (const part of ['apiGroups', 'apiVersions', 'resources'] as const) {
      const values = rule[part] ?? [];
      if (values.length === 0) errors.required(`${at}.${part}`);
      if (part !== 'resources' && values.length > 1 && values.includes('*')) {
        const what = part === 'apiGroups' ? 'API groups' : 'API versions';
        errors.invalid(`${at}.${part}`, values, `if '*' is present, must not specify other ${what}`);
      }
      values.forEach((value, number) => {
        if (value === '' && part !== 'apiGroups') errors.required(`${at}.${part}[${number}]`);
      });
    }
    validateResources(rule.resources ?? [], `${at}.resources`, errors);
    if (rule.scope !== undefined) validateOneOf(rule.scope, ['*', 'Cluster', 'Namespaced'], `${at}.scope`, errors);
  });
}

/** What names a resource, or a subresource of it, names it once. */
function validateResources(resources: readonly string[], field: string, errors: FieldErrors): void {
  const allOf = new Set<string>();
  const ofAll = new Set<string>();
  resources.forEach((resource, index) => {
    const [name = '', subresource] = resource.split(/\/(.*)/s, 2);
    if (subresource === undefined) return;
    const notBeside = (wildcard: string): void => {
      errors.invalid(`${field}[${index}]`, resource, `if '${wildcard}' is present, must not specify ${resource}`);
    };
    if (allOf.has(name)) notBeside(`${name}/*`);
    if (ofAll.has(subresource)) notBeside(`*/${subresource}`);
    if (subresource === '*') allOf.add(name);
    if (name === '*') ofAll.add(subresource);
  });
  if (resources.length > 1 && resources.includes('*/*')) {
    errors.invalid(field, resources, "if '*/*' is present, must not specify other resources");
  }
  if (resources.includes('*') && resources.some((resource) => resource !== '*' && !resource.includes('/'))) {
    const why = "if '*' is present, must not specify other resources without subresources";
    errors.invalid(field, resources, why);
  }
}

export interface MatchCondition {
  readonly name?: string;
  readonly expression?: string;
}

const mostConditions = 64;

export function validateMatchConditions(
  conditions: readonly MatchCondition[],
  of: 'webhook' | 'policy',
  field: string,
  errors: FieldErrors,
): void {
  if (conditions.length > mostConditions) errors.tooMany(field, conditions.length, mostConditions);
  const names = new Set<string>();
  conditions.forEach(({ name = '', expression = '' }, index) => {
    const at = `${field}[${index}]`;
    if (expression.trim() === '') errors.required(`${at}.expression`);
    else validateExpression(expression, of, 'bool', `${at}.expression`, errors);
    if (name === '') errors.required(`${at}.name`);
    else {
      errors.invalidFor(`${at}.name`, name, isQualifiedName(name));
      if (names.has(name)) errors.duplicate(`${at}.name`, name);
      names.add(name);
    }
  });
}
