/**
 * CEL in admission: the variables of match conditions and policies, and expressions that are compiled once
 * (Kubernetes, "Common Expression Language in Kubernetes"; KEP-3488, KEP-3716).
 */
import { Budget, CelEnvironment, type CelType, type Program } from '../cel/environment.ts';
import type { MessageTypes } from '../cel/messages.ts';
import { overBudget, stepsOfConditions } from '../cel/steps.ts';
import { Authorizer, type Judge, registerAuthorizer } from './authorizer-functions.ts';
import { patchTypes, registerPatchFunctions } from './patch-types.ts';
import type { AdmissionRequest } from './types.ts';
import { type ReviewedRequest, reviewedRequest } from './webhooks/review.ts';

/** What every expression of admission may name. Objects are dynamic: their fields are looked at when they are there. */
export const requestVariables = {
  object: 'dyn',
  oldObject: 'dyn',
  request: 'dyn',
  authorizer: 'dyn',
} as const satisfies Readonly<Record<string, CelType>>;

/** An environment of these variables and, with a judge, of the functions of `authorizer`. */
export function admissionEnvironment(
  variables: Readonly<Record<string, CelType>> = {},
  messages?: MessageTypes,
): CelEnvironment {
  const extend = (environment: Parameters<typeof registerAuthorizer>[0]): void => {
    registerAuthorizer(environment);
    if (messages) registerPatchFunctions(environment);
  };
  return new CelEnvironment({ ...requestVariables, ...variables }, extend, messages);
}

/** Of the match conditions of webhooks. */
export const conditionsEnvironment = admissionEnvironment();

const policyVariables = { params: 'dyn', namespaceObject: 'dyn', variables: 'dyn' } as const;

/** Of everything in policies but mutations. */
export const policyEnvironment = admissionEnvironment(policyVariables);

/** Of mutations: these make objects and operations. */
export const mutationEnvironment = admissionEnvironment(policyVariables, patchTypes);

export interface Condition {
  readonly name: string;
  readonly expression: string;
}

/** Whether a request matches all conditions. Throws an Error when none says no and one cannot be judged. */
export type Conditions = (request: AdmissionRequest, judge: Judge | undefined, reviewed?: ReviewedRequest) => boolean;

/** Expressions that do not compile are errors of each request: validation refuses them before they are stored. */
export function compileConditions(conditions: readonly Condition[] | undefined): Conditions | undefined {
  if (!conditions?.length) return undefined;
  const compiled = conditions.map(({ expression }) => ({
    expression,
    ...compileExpression(conditionsEnvironment, expression),
  }));
  return (request, judge, reviewed = reviewedRequest(request)) => {
    const bindings = conditionsEnvironment.bind(requestValues(request, reviewed, judge));
    const budget = new Budget(stepsOfConditions);
    const failures: string[] = [];
    for (const { expression, program, failure } of compiled) {
      const result = program ? program.evaluate(bindings, budget) : { ok: false as const, message: failure };
      if (budget.isSpent) throw new Error(overBudget);
      if (!result.ok) failures.push(`expression '${expression}' resulted in error: ${result.message}`);
      else if (result.value === false) return false;
      else if (result.value !== true)
        failures.push(`expression '${expression}' resulted in error: cel expression must evaluate to a bool`);
    }
    if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`);
    return true;
  };
}

export type CompiledExpression =
  | { readonly program: Program; readonly failure?: undefined }
  | { readonly program?: undefined; readonly failure: string };

export function compileExpression(environment: CelEnvironment, expression: string): CompiledExpression {
  const compilation = environment.compile(expression);
  return compilation.ok ? { program: compilation.program } : { failure: compilation.message };
}

/** The values of the variables, as JSON. */
export function requestValues(request: AdmissionRequest, reviewed: ReviewedRequest, judge: Judge | undefined) {
  return {
    object: request.object ?? null,
    oldObject: request.old ?? null,
    request: reviewed,
    authorizer: judge && authorizerOf(judge, request),
  };
}

function authorizerOf(
  judge: Judge,
  { ctx, kind, subresource = '', namespace = '', name }: AdmissionRequest,
): Authorizer {
  const { group, resource } = kind;
  return new Authorizer(judge, ctx.user, { group, resource, subresource, namespace, name });
}
