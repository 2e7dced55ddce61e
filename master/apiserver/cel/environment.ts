/**
 * CEL, the Common Expression Language (github.com/google/cel-spec), with Kubernetes' functions ("Common Expression Language
 * in Kubernetes"): what the rules of custom resources, the match conditions of webhooks and admission policies are
 * written in. Language and type checker are the library's; the functions and the bounds are ours.
 *
 * Guarantees: an expression that compiled has the type that it says; an evaluation is pure, never waits, ends within the
 * bounds of `steps.ts`, and comes back with a value or an error, never with an exception.
 */
import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { prepare } from './bounds.ts';
import { worstCost } from './cost.ts';
import type { Largest } from './cost-sizes.ts';
import { registerAddressFunctions } from './functions/addresses.ts';
import { registerComprehensions } from './functions/comprehensions.ts';
import { registerListFunctions } from './functions/lists.ts';
import { registerNumberFunctions } from './functions/numbers.ts';
import { registerTextFunctions, replacedMethods } from './functions/text.ts';
import { type MessageTypes, registerMessages, type WithoutMessages, withoutMessages } from './messages.ts';
import { type Budget, withinBounds } from './steps.ts';
import { type CelType, type ObjectClasses, registerType, toCel, toJson } from './types.ts';

export { Message } from './messages.ts';
export { Budget } from './steps.ts';
export type { CelObjectType, CelType } from './types.ts';
export { optionalOf, toJson } from './types.ts';

/** The variables of an evaluation, read under their types once, for any number of programs of one environment. */
export interface Bindings {
  readonly values: Readonly<Record<string, unknown>>;
}

export type CelResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

export interface Program {
  /** CEL's name of the result's type: `bool`, `string`, `dyn`… */
  readonly type: string;
  /**
   * The value as CEL has it; `toJson` makes it JSON. Errors are data, in CEL's words, without a position. What is done is taken
   * from the budget.
   */
  evaluate(bindings: Bindings, budget?: Budget): CelResult;
  /** What an evaluation may cost at worst, by the largest value that every variable may have. */
  worstCost(largest: Largest): number;
}

export type Compilation =
  | { readonly ok: true; readonly program: Program }
  /** The message names the place, as cel-go's do: `ERROR: <input>:1:6: undeclared reference to 'x' …`. */
  | { readonly ok: false; readonly message: string };

/** The longest expression that is read, in characters. */
const maxExpressionLength = 16_384;

/** With Kubernetes' functions and no variables. Every environment is a copy of it. */
const base = createBase();

export class CelEnvironment {
  readonly #environment: Environment;
  readonly #classes: ObjectClasses = new Map();
  readonly #variables: Readonly<Record<string, CelType>>;
  readonly #messages: MessageTypes | undefined;

  /**
   * `extend` may register more functions and types, for what only the caller has (an authorizer). `messages`: what may be made
   * with `Type{…}`.
   */
  constructor(
    variables: Readonly<Record<string, CelType>>,
    extend?: (environment: Environment) => void,
    messages?: MessageTypes,
  ) {
    this.#variables = variables;
    this.#messages = messages;
    this.#environment = base.clone();
    extend?.(this.#environment);
    for (const [name, type] of Object.entries(variables)) {
      this.#environment.registerVariable(name, registerType(this.#environment, this.#classes, type));
    }
  }

  /** Parses and checks. Variables that are not declared, fields that do not exist and wrong types are errors here. */
  compile(expression: string): Compilation {
    if (expression.length > maxExpressionLength) {
      return { ok: false, message: `ERROR: <input>:1:1: expression is longer than ${maxExpressionLength} characters` };
    }
    let written: WithoutMessages | undefined;
    try {
      written = this.#messages && withoutMessages(expression, this.#messages);
      const environment =
        this.#messages && written && written.types.size > 0
          ? registerMessages(this.#environment, written.types, this.#messages)
          : this.#environment;
      const parsed = environment.parse(written?.text ?? expression);
      prepare(parsed.ast, replacedMethods);
      const { type, error } = parsed.check();
      if (error) return { ok: false, message: compileMessage(expression, error, written) };
      return { ok: true, program: programOf(parsed, type ?? 'dyn') };
    } catch (error) {
      return { ok: false, message: compileMessage(expression, error, written) };
    }
  }

  /** JSON values by the variables' names. A variable that is left out is null, if its type allows it. */
  bind(values: Readonly<Record<string, unknown>>): Bindings {
    const converted: Record<string, unknown> = Object.create(null);
    for (const [name, type] of Object.entries(this.#variables)) {
      converted[name] = toCel(values[name] ?? null, type, this.#classes);
    }
    return { values: converted };
  }
}

/** For one expression that is evaluated once: JSON in, JSON out. */
export function evaluateOnce(
  expression: string,
  variables: Readonly<Record<string, CelType>>,
  values: Readonly<Record<string, unknown>>,
): CelResult {
  const environment = new CelEnvironment(variables);
  const compiled = environment.compile(expression);
  if (!compiled.ok) return compiled;
  const result = compiled.program.evaluate(environment.bind(values));
  return result.ok ? { ok: true, value: toJson(result.value) } : result;
}

function createBase(): Environment {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  // An object or an optional may be compared with null, and is never null.
  environment.registerOperator('optional<dyn> == null', () => false);
  registerTextFunctions(environment);
  registerListFunctions(environment);
  registerComprehensions(environment);
  registerNumberFunctions(environment);
  registerAddressFunctions(environment);
  return environment;
}

function programOf(parsed: ParseResult, type: string): Program {
  return {
    type,
    worstCost: (largest) => worstCost(parsed.ast, largest),
    evaluate(bindings, budget) {
      try {
        const value: unknown = withinBounds(() => parsed(bindings.values), budget);
        return { ok: true, value };
      } catch (error) {
        return { ok: false, message: evaluationMessage(error) };
      }
    },
  };
}

/** What the library's errors carry. */
interface LibraryError {
  readonly code: string;
  readonly summary: string;
  readonly range?: { readonly start: number };
}

const isLibraryError = (error: unknown): error is Error & LibraryError =>
  error instanceof Error && 'code' in error && 'summary' in error;

/** cel-go's words for what the checker finds most. */
function words({ code, summary }: LibraryError): string {
  const [, name] = /^(?:Unknown variable|No such key): (.*)$/.exec(summary) ?? [];
  if (code === 'unknown_variable') return `undeclared reference to '${name}' (in container '')`;
  if (code === 'no_such_key') return `undefined field '${name}'`;
  const [, left, operator, right] = /^no such overload: (\S.*) ([!=<>+\-*/%]+|in) (\S.*)$/.exec(summary) ?? [];
  if (operator) return `found no matching overload for '_${operator}_' applied to '(${left}, ${right})'`;
  const [, call, parameters] = /^found no matching overload for '([^(]*)\((.*)\)'$/.exec(summary) ?? [];
  if (call) return `found no matching overload for '${call}' applied to '(${parameters})'`;
  return /^unexpected|^unterminated|^invalid_/.test(code) ? `Syntax error: ${summary}` : summary;
}

function compileMessage(expression: string, error: unknown, written?: WithoutMessages): string {
  if (!isLibraryError(error)) return `ERROR: <input>:1:1: ${error instanceof Error ? error.message : String(error)}`;
  // cel-go points at the dot before a field.
  const start = error.range?.start ?? 0;
  const place = Math.max(0, (written?.place(start) ?? start) - (error.code === 'no_such_key' ? 1 : 0));
  const before = expression.slice(0, place).split('\n');
  const column = [...(before.at(-1) ?? '')].length;
  const line = expression.split('\n')[before.length - 1] ?? '';
  return `ERROR: <input>:${before.length}:${column + 1}: ${words(error)}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

function evaluationMessage(error: unknown): string {
  if (!isLibraryError(error)) return error instanceof Error ? error.message : String(error);
  const [, key] = /^No such key: (.*)$/.exec(error.summary) ?? [];
  return key === undefined ? error.summary : `no such key: ${key}`;
}
