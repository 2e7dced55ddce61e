/**
 * A ValidatingAdmissionPolicy, compiled once: evaluated over one request and one set of parameters it gives decisions
 * (KEP-3488). Every expression is judged by itself; what cannot be evaluated falls under the policy's failure policy.
 */
import type { KubeObject, ValidatingAdmissionPolicy } from '../../../api/types.ts';
import type { Bindings } from '../../cel/environment.ts';
import { toJson } from '../../cel/environment.ts';
import { type CompiledExpression, compileExpression, policyEnvironment } from '../expressions.ts';
import { type Matching, matchingOf } from './matching.ts';

/** The values of the variables that a request has; see `requestValues`. */
export interface Subject {
  readonly values: Readonly<Record<string, unknown>>;
  readonly namespaceObject: KubeObject | undefined;
}

/** What speaks against the request. */
export interface Finding {
  readonly message: string;
  readonly reason: string;
  /** Which of the validations it was; -1 for what stands beside them. */
  readonly index: number;
}

export interface Evaluation {
  readonly findings: readonly Finding[];
  /** For the audit log, by key. */
  readonly annotations: readonly (readonly [key: string, value: string])[];
}

export interface Policy {
  readonly name: string;
  readonly matching: Matching;
  readonly failsOpen: boolean;
  readonly paramKind: { readonly apiVersion: string; readonly kind: string } | undefined;
  evaluate(subject: Subject, params: KubeObject | undefined): Evaluation;
}

interface Named {
  readonly text: string;
  readonly compiled: CompiledExpression;
}

const compile = (expression: string): Named => ({
  text: expression,
  compiled: compileExpression(policyEnvironment, expression),
});

const nothing: Evaluation = { findings: [], annotations: [] };

export function compilePolicy({ metadata, spec = {} }: ValidatingAdmissionPolicy): Policy {
  const { validations = [], auditAnnotations = [], variables = [], matchConditions = [], paramKind } = spec;
  const failsOpen = spec.failurePolicy === 'Ignore';
  const conditions = matchConditions.map(({ expression }) => compile(expression));
  const named = new Map(variables.map(({ name, expression }) => [name, compile(expression)]));
  const rules = validations.map((validation) => ({
    ...validation,
    test: compile(validation.expression),
    words: validation.messageExpression ? compile(validation.messageExpression) : undefined,
  }));
  const notes = auditAnnotations.map(({ key, valueExpression }) => ({ key, value: compile(valueExpression) }));

  return {
    name: metadata?.name ?? '',
    matching: matchingOf(spec.matchConstraints),
    failsOpen,
    paramKind: paramKind && { apiVersion: paramKind.apiVersion ?? '', kind: paramKind.kind ?? '' },
    evaluate(subject, params) {
      const values = { ...subject.values, params: params ?? null, namespaceObject: subject.namespaceObject ?? null };
      const bindings: Bindings = policyEnvironment.bind({ ...values, variables: lazyVariables(named, () => bindings) });
      const failed = (message: string): Finding[] => (failsOpen ? [] : [{ message, reason: 'Invalid', index: -1 }]);
      const chosen = choose(conditions, bindings);
      if (chosen === false) return nothing;
      if (chosen !== true) return { findings: failed(chosen), annotations: [] };
      const findings = rules.flatMap((rule, index): Finding[] => {
        const result = evaluate(rule.test, bindings);
        if (!result.ok) return failed(result.message).map((finding) => ({ ...finding, index }));
        if (result.value === true) return [];
        const message =
          messageOf(rule.words, bindings) ?? (rule.message?.trim() || `failed expression: ${rule.expression.trim()}`);
        return [{ message, reason: rule.reason ?? 'Invalid', index }];
      });
      const annotations: (readonly [string, string])[] = [];
      for (const { key, value } of notes) {
        const result = evaluate(value, bindings);
        if (!result.ok) findings.push(...failed(result.message));
        else if (typeof result.value === 'string' && result.value !== '') annotations.push([key, result.value]);
      }
      return { findings, annotations };
    },
  };
}

/** Whether the conditions hold; a text says why that cannot be told. One that does not hold decides, whatever the others do. */
function choose(conditions: readonly Named[], bindings: Bindings): boolean | string {
  const failures: string[] = [];
  for (const condition of conditions) {
    const result = evaluate(condition, bindings);
    if (!result.ok) failures.push(result.message);
    else if (result.value !== true) return false;
  }
  if (failures.length === 0) return true;
  return failures.length === 1 ? (failures[0] ?? '') : `[${failures.join(', ')}]`;
}

type Result = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

function evaluate({ text, compiled }: Named, bindings: Bindings): Result {
  if (!compiled.program) return { ok: false, message: `compilation error: compilation failed: ${compiled.failure}` };
  const result = compiled.program.evaluate(bindings);
  if (result.ok) return result;
  return { ok: false, message: `expression '${text}' resulted in error: ${result.message}` };
}

/** The message that an expression makes; one that fails, or makes no single line of text, is as if there were none. */
function messageOf(words: Named | undefined, bindings: Bindings): string | undefined {
  if (!words) return undefined;
  const result = evaluate(words, bindings);
  const text = result.ok ? toJson(result.value) : undefined;
  if (typeof text !== 'string' || text.includes('\n')) return undefined;
  return text.trim() || undefined;
}

/**
 * `variables`: each is evaluated when an expression first asks for it, and may use those before it. A plain Map to CEL, which
 * knows no subclass of it.
 */
function lazyVariables(expressions: ReadonlyMap<string, Named>, bindings: () => Bindings): Map<string, unknown> {
  const variables = new Map<string, unknown>([...expressions.keys()].map((name) => [name, undefined]));
  const values = new Map<string, unknown>();
  variables.get = (name) => {
    const expression = expressions.get(name);
    if (!expression || values.has(name)) return values.get(name);
    const { program, failure } = expression.compiled;
    const result = program ? program.evaluate(bindings()) : { ok: false as const, message: failure };
    if (!result.ok) throw new Error(`composited variable "${name}" fails to evaluate: ${result.message}`);
    values.set(name, result.value);
    return result.value;
  };
  return variables;
}
