/**
 * What policies of both sorts have in common: which requests they are about, the conditions, variables and parameters of their
 * expressions (KEP-3488, KEP-3962). Compiled once for each change of a policy.
 */
import type { KubeObject, MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '../../../api/types.ts';
import { type Bindings, Budget, type CelEnvironment, type CelResult } from '../../cel/environment.ts';
import { overBudget, stepsOfConditions } from '../../cel/steps.ts';
import type { Judge } from '../authorizer-functions.ts';
import { type CompiledExpression, compileExpression, policyEnvironment, requestValues } from '../expressions.ts';
import type { AdmissionRequest } from '../types.ts';
import { reviewedRequest } from '../webhooks/review.ts';
import type { NamespaceLookup } from '../webhooks/rules.ts';
import { type Matching, matchingOf } from './matching.ts';

/** The values of the variables that a request has; see `requestValues`. */
export interface Subject {
  readonly values: Readonly<Record<string, unknown>>;
  readonly namespaceObject: KubeObject | undefined;
}

export interface Policy {
  readonly name: string;
  readonly matching: Matching;
  readonly failsOpen: boolean;
  readonly paramKind: { readonly apiVersion: string; readonly kind: string } | undefined;
  /** Everything that the policy's expressions may name, and what they may do together. */
  open(subject: Subject, params: KubeObject | undefined): Scope;
  /** Whether the conditions hold; a text says why that cannot be told. */
  choose(scope: Scope): boolean | string;
}

/** As in Kubernetes the conditions have a budget, validations and their messages, audit annotations, and every mutation. */
export interface Scope {
  readonly bindings: Bindings;
  budget: Budget;
}

/** An expression, with the text that errors quote. */
export interface Named {
  readonly text: string;
  readonly compiled: CompiledExpression;
}

export const compile = (expression: string, environment: CelEnvironment = policyEnvironment): Named => ({
  text: expression,
  compiled: compileExpression(environment, expression),
});

export function evaluate({ text, compiled }: Named, { bindings, budget }: Scope): CelResult {
  if (!compiled.program) return { ok: false, message: `compilation error: compilation failed: ${compiled.failure}` };
  if (budget.isSpent) return { ok: false, message: overBudget };
  const result = compiled.program.evaluate(bindings, budget);
  if (budget.isSpent) return { ok: false, message: overBudget };
  if (result.ok) return result;
  return { ok: false, message: `expression '${text}' resulted in error: ${result.message}` };
}

export function compileCommon({ metadata, spec = {} }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): Policy {
  const { variables = [], matchConditions = [], paramKind } = spec;
  const conditions = matchConditions.map(({ expression }) => compile(expression));
  const named = new Map(variables.map(({ name, expression }) => [name, compile(expression)]));
  return {
    name: metadata?.name ?? '',
    matching: matchingOf(spec.matchConstraints),
    failsOpen: spec.failurePolicy === 'Ignore',
    paramKind: paramKind && { apiVersion: paramKind.apiVersion ?? '', kind: paramKind.kind ?? '' },
    open(subject, params) {
      const values = { ...subject.values, params: params ?? null, namespaceObject: subject.namespaceObject ?? null };
      const bindings: Bindings = policyEnvironment.bind({ ...values, variables: lazyVariables(named, () => scope) });
      const scope = { bindings, budget: new Budget() };
      return scope;
    },
    choose(scope) {
      const { budget } = scope;
      scope.budget = new Budget(stepsOfConditions);
      const chosen = choose(conditions, scope);
      scope.budget = budget;
      return chosen;
    },
  };
}

/** What the expressions of policies are told of a request. */
export async function subjectOf(
  request: AdmissionRequest,
  judge: Judge | undefined,
  namespaceOf: NamespaceLookup,
): Promise<Subject> {
  const { namespace } = request;
  return {
    values: requestValues(request, reviewedRequest(request), judge),
    namespaceObject: namespace === undefined ? undefined : await namespaceOf(namespace),
  };
}

/** One condition that does not hold decides, whatever the others do. */
function choose(conditions: readonly Named[], scope: Scope): boolean | string {
  const failures: string[] = [];
  for (const condition of conditions) {
    const result = evaluate(condition, scope);
    if (scope.budget.isSpent) return overBudget;
    if (!result.ok) failures.push(result.message);
    else if (result.value !== true) return false;
  }
  if (failures.length === 0) return true;
  return failures.length === 1 ? (failures[0] ?? '') : `[${failures.join(', ')}]`;
}

/**
 * `variables`: each is evaluated when an expression first asks for it, and may use those before it. A plain Map to CEL, which
 * knows no subclass of it.
 */
function lazyVariables(expressions: ReadonlyMap<string, Named>, scope: () => Scope): Map<string, unknown> {
  const variables = new Map<string, unknown>([...expressions.keys()].map((name) => [name, undefined]));
  const values = new Map<string, unknown>();
  variables.get = (name) => {
    const expression = expressions.get(name);
    if (!expression || values.has(name)) return values.get(name);
    const { program, failure } = expression.compiled;
    const { bindings, budget } = scope();
    const result = program ? program.evaluate(bindings, budget) : { ok: false as const, message: failure };
    if (!result.ok) throw new Error(`composited variable "${name}" fails to evaluate: ${result.message}`);
    values.set(name, result.value);
    return result.value;
  };
  return variables;
}
