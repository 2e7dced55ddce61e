/**
 * The rules of a schema (`x-kubernetes-validations`): CEL expressions over `self`, the value that the rule stands at, and
 * `oldSelf`, what it was before the update. A rule that speaks of `oldSelf` is a transition rule: it is asked only where there is
 * an old value, unless it says `optionalOldSelf`. See Kubernetes' "Validation rules".
 */
import { deepEqual } from '../../../api/meta.ts';
import {
  type Bindings,
  Budget,
  CelEnvironment,
  type CelType,
  optionalOf,
  type Program,
} from '../../cel/environment.ts';
import { overBudget } from '../../cel/steps.ts';
import { isRecord } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { celNameOf } from './cel-names.ts';
import { below, type Cardinality, largestOf, RuleCosts } from './rule-costs.ts';
import { child, keyed, type Rule, type Schema } from './schema.ts';
import { memberOf, type Old, oldItem } from './values.ts';

/** The rules at and below one place of a schema. */
export interface RuleTree {
  readonly schema: Schema;
  readonly here: readonly CompiledRule[];
  readonly properties: ReadonlyMap<string, RuleTree>;
  readonly items: RuleTree | undefined;
  readonly additional: RuleTree | undefined;
}

interface CompiledRule {
  readonly rule: Rule;
  readonly environment: CelEnvironment;
  readonly program: Program;
  readonly message: Program | undefined;
  readonly isTransition: boolean;
}

/** The place of a rule in its definition: `properties[spec].x-kubernetes-validations[0].rule`. */
export type Complain = (place: string, value: string, why: string) => void;

/** Compiles all rules of a version's schema; undefined where there are none. What cannot be compiled is told. */
export function compileRules(root: Schema, complain: Complain = () => {}): RuleTree | undefined {
  return treeOf({ ...root, embedded: true }, 'Object', '', complain);
}

/** Tells of the rules, and the schema (''), that may cost more than is allowed. */
export function forbidCostlyRules(root: RuleTree, forbid: (place: string, why: string) => void): void {
  const costs = new RuleCosts(forbid);
  addCosts(root, '', 1, costs);
  costs.end();
}

function addCosts(tree: RuleTree, place: string, cardinality: Cardinality, costs: RuleCosts): void {
  const { schema, here, properties, items, additional } = tree;
  if (here.length > 0) {
    const largest = largestOf(schema);
    for (const { rule, program, message } of here) {
      const at = `${place}x-kubernetes-validations[${schema.rules.indexOf(rule)}]`;
      costs.add(`${at}.rule`, 'rule', program.worstCost(largest), schema, cardinality);
      if (!message) continue;
      costs.add(`${at}.messageExpression`, 'messageExpression', message.worstCost(largest), schema, cardinality);
    }
  }
  for (const [name, inner] of properties) addCosts(inner, `${place}properties[${name}].`, cardinality, costs);
  if (items) addCosts(items, `${place}items.`, below(schema, cardinality), costs);
  if (additional) addCosts(additional, `${place}additionalProperties.`, below(schema, cardinality), costs);
}

function treeOf(schema: Schema, name: string, place: string, complain: Complain): RuleTree | undefined {
  const properties = new Map<string, RuleTree>();
  for (const [property, inner] of schema.properties) {
    const tree = treeOf(inner, `${name}.${property}`, `${place}properties[${property}].`, complain);
    if (tree) properties.set(property, tree);
  }
  const items = schema.items && treeOf(schema.items, `${name}.@idx`, `${place}items.`, complain);
  const additional =
    typeof schema.additional === 'object'
      ? treeOf(schema.additional, `${name}.@elem`, `${place}additionalProperties.`, complain)
      : undefined;
  if (schema.rules.length === 0 && properties.size === 0 && !items && !additional) return undefined;
  const environments = schema.rules.length === 0 ? undefined : environmentsOf(schema, name);
  const here = schema.rules.flatMap((rule, index) => {
    if (!environments) return [];
    const environment = rule.optionalOldSelf ? environments.optional() : environments.plain();
    const compiled = compileRule(environment, rule, `${place}x-kubernetes-validations[${index}]`, complain);
    return compiled ? [compiled] : [];
  });
  return { schema, here, properties, items, additional };
}

/** With `optionalOldSelf` a rule sees its old value as an optional, which is empty on a create. */
function environmentsOf(schema: Schema, name: string) {
  const said = schema.rules.map(({ rule, messageExpression }) => `${rule} ${messageExpression}`).join(' ');
  const self = celType(schema, name, new Set(said.match(/[A-Za-z_]\w*/g)));
  return {
    plain: once(() => new CelEnvironment({ self, oldSelf: self })),
    optional: once(() => new CelEnvironment({ self, oldSelf: 'dyn' })),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function compileRule(
  environment: CelEnvironment,
  rule: Rule,
  place: string,
  complain: Complain,
): CompiledRule | undefined {
  const compiled = environment.compile(rule.rule);
  if (!compiled.ok) {
    complain(`${place}.rule`, rule.rule, `compilation failed: ${compiled.message}`);
    return undefined;
  }
  if (compiled.program.type !== 'bool' && compiled.program.type !== 'dyn') {
    complain(`${place}.rule`, rule.rule, 'compilation failed: cel expression must evaluate to a bool');
  }
  let message: Program | undefined;
  if (rule.messageExpression !== '') {
    const text = environment.compile(rule.messageExpression);
    if (!text.ok) {
      complain(
        `${place}.messageExpression`,
        rule.messageExpression,
        `messageExpression compilation failed: ${text.message}`,
      );
    } else if (text.program.type !== 'string' && text.program.type !== 'dyn') {
      complain(`${place}.messageExpression`, rule.messageExpression, 'messageExpression must evaluate to a string');
    } else message = text.program;
  }
  return { rule, environment, program: compiled.program, message, isTransition: /\boldSelf\b/.test(rule.rule) };
}

/** Asks all rules about a value that is right by its schema, for as long as the budget lasts. */
export function validateRules(
  tree: RuleTree,
  value: unknown,
  old: Old,
  path: string,
  errors: FieldErrors,
  budget = new Budget(),
): void {
  if (value === null || value === undefined || budget.isSpent) return;
  const unchanged = old !== undefined && deepEqual(value, old.value);
  askHere(tree, value, old, unchanged, path, errors, budget);
  const { schema, properties, items, additional } = tree;
  if (Array.isArray(value)) {
    if (!items) return;
    value.forEach((item, index) => {
      validateRules(items, item, oldItem(schema, item, old), keyed(path, index), errors, budget);
    });
  } else if (isRecord(value)) {
    for (const [name, inner] of Object.entries(value)) {
      const below = properties.get(name) ?? (schema.properties.has(name) ? undefined : additional);
      if (below) validateRules(below, inner, memberOf(old, name), child(path, name), errors, budget);
    }
  }
}

function askHere(
  tree: RuleTree,
  value: unknown,
  old: Old,
  unchanged: boolean,
  path: string,
  errors: FieldErrors,
  budget: Budget,
): void {
  const { here, schema } = tree;
  let bound: { readonly to: CelEnvironment; readonly bindings: Bindings } | undefined;
  for (const { rule, environment, program, message, isTransition } of here) {
    if (isTransition && !old && !rule.optionalOldSelf) continue;
    if (unchanged && !isTransition) continue;
    if (bound?.to !== environment) {
      const oldSelf = rule.optionalOldSelf ? optionalOf(old) : old?.value;
      bound = { to: environment, bindings: environment.bind({ self: value, oldSelf }) };
    }
    const { bindings } = bound;
    const result = program.evaluate(bindings, budget);
    const type = schema.type || 'object';
    if (budget.isSpent) {
      errors.invalid(path, type, overBudget);
      return;
    }
    if (result.ok && result.value === true) continue;
    const at = fieldOf(rule, path);
    if (!result.ok) {
      errors.invalid(at, type, `${result.message} evaluating rule: ${rule.message || rule.rule}`);
      continue;
    }
    const said = message?.evaluate(bindings, budget);
    const text = said?.ok && typeof said.value === 'string' && isOneLine(said.value) ? said.value.trim() : '';
    refuse(errors, rule, at, type, text || rule.message || `failed rule: ${rule.rule}`);
  }
}

const isOneLine = (text: string): boolean => text.trim() !== '' && !text.includes('\n') && text.length <= 5120;

function refuse(errors: FieldErrors, { reason }: Rule, path: string, type: string, why: string): void {
  switch (reason) {
    case 'FieldValueForbidden': {
      errors.forbidden(path, why);
      return;
    }
    case 'FieldValueRequired': {
      errors.required(path, why);
      return;
    }
    case 'FieldValueDuplicate': {
      errors.duplicate(path, type);
      return;
    }
    default: {
      errors.invalid(path, type, why);
      return;
    }
  }
}

/** `.spec.a['b']` below where the rule stands. */
function fieldOf({ fieldPath }: Rule, path: string): string {
  const below = fieldPath.replaceAll(/\['([^']*)'\]/g, '.$1').replace(/^\./, '');
  return below === '' ? path : child(path, below);
}

/**
 * The type by which CEL knows the values of a schema. What may be several things is checked only when it is looked at, and
 * fields that the expressions do not mention have no type: schemas are large, and rules mostly about few of their fields.
 */
function celType(schema: Schema, name: string, mentioned: ReadonlySet<string>): CelType {
  if (schema.intOrString || schema.nullable) return 'dyn';
  switch (schema.type) {
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return textTypes[schema.checks.format ?? ''] ?? 'string';
    case 'array':
      return { kind: 'list', element: schema.items ? celType(schema.items, `${name}.@idx`, mentioned) : 'dyn' };
    case 'object':
      return objectType(schema, name, mentioned);
    default:
      return 'dyn';
  }
}

const textTypes: Readonly<Record<string, CelType>> = {
  byte: 'bytes',
  date: 'timestamp',
  'date-time': 'timestamp',
  duration: 'duration',
};

function objectType(schema: Schema, name: string, mentioned: ReadonlySet<string>): CelType {
  const { additional, properties, preservesUnknown, embedded } = schema;
  if (additional !== undefined && additional !== false) {
    return { kind: 'map', value: additional === true ? 'dyn' : celType(additional, `${name}.@elem`, mentioned) };
  }
  if (properties.size === 0 && preservesUnknown && !embedded) return 'dyn';
  const fields: Record<string, CelType> = {};
  const jsonNames: Record<string, string> = {};
  if (embedded) {
    const text = 'string';
    const metadata = { name: text, generateName: text } as const;
    Object.assign(fields, { apiVersion: text, kind: text });
    fields.metadata = { kind: 'object', name: `${name}.metadata`, fields: metadata };
  }
  for (const [property, inner] of properties) {
    if (embedded && property === 'metadata') continue;
    const celName = celNameOf(property);
    if (celName === undefined) continue;
    fields[celName] = mentioned.has(celName) ? celType(inner, `${name}.${property}`, mentioned) : 'raw';
    if (celName !== property) jsonNames[celName] = property;
  }
  return { kind: 'object', name, fields, jsonNames };
}
