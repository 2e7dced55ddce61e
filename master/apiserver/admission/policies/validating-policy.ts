/**
 * A ValidatingAdmissionPolicy: evaluated over one request and one set of parameters it gives decisions (KEP-3488). Every
 * expression is judged by itself; what cannot be evaluated falls under the policy's failure policy.
 */
import type { KubeObject, ValidatingAdmissionPolicy } from '../../../api/types.ts';
import { Budget, toJson } from '../../cel/environment.ts';
import { overBudget } from '../../cel/steps.ts';
import { compile, compileCommon, evaluate, type Named, type Policy, type Scope, type Subject } from './policy.ts';

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

export interface ValidatingPolicy extends Policy {
  evaluate(subject: Subject, params: KubeObject | undefined): Evaluation;
}

const nothing: Evaluation = { findings: [], annotations: [] };

export function compileValidatingPolicy(definition: ValidatingAdmissionPolicy): ValidatingPolicy {
  const common = compileCommon(definition);
  const { validations = [], auditAnnotations = [] } = definition.spec ?? {};
  const rules = validations.map((validation) => ({
    ...validation,
    test: compile(validation.expression),
    words: validation.messageExpression ? compile(validation.messageExpression) : undefined,
  }));
  const notes = auditAnnotations.map(({ key, valueExpression }) => ({ key, value: compile(valueExpression) }));

  return {
    ...common,
    evaluate(subject, params) {
      const scope = common.open(subject, params);
      const failed = (message: string): Finding[] =>
        common.failsOpen ? [] : [{ message, reason: 'Invalid', index: -1 }];
      const chosen = common.choose(scope);
      if (chosen === false) return nothing;
      if (chosen !== true) return { findings: failed(chosen), annotations: [] };
      const tooMuch: Evaluation = { findings: failed(overBudget), annotations: [] };
      const findings = rules.flatMap((rule, index): Finding[] => {
        const result = evaluate(rule.test, scope);
        if (!result.ok) return failed(result.message).map((finding) => ({ ...finding, index }));
        if (result.value === true) return [];
        const message =
          messageOf(rule.words, scope) ?? (rule.message?.trim() || `failed expression: ${rule.expression.trim()}`);
        return [{ message, reason: rule.reason ?? 'Invalid', index }];
      });
      if (scope.budget.isSpent) return tooMuch;
      scope.budget = new Budget();
      const annotations: (readonly [string, string])[] = [];
      for (const { key, value } of notes) {
        const result = evaluate(value, scope);
        if (!result.ok) findings.push(...failed(result.message));
        else if (typeof result.value === 'string' && result.value !== '') annotations.push([key, result.value]);
      }
      return scope.budget.isSpent ? tooMuch : { findings, annotations };
    },
  };
}

/** The message that an expression makes; one that fails, or makes no single line of text, is as if there were none. */
function messageOf(words: Named | undefined, scope: Scope): string | undefined {
  if (!words) return undefined;
  const result = evaluate(words, scope);
  const text = result.ok ? toJson(result.value) : undefined;
  if (typeof text !== 'string' || text.includes('\n')) return undefined;
  return text.trim() || undefined;
}
