/**
 * Macros that the library does not bring: cel-go's comprehensions over indexes or keys together with their values, `sortBy`, and what
 * maps an optional (github.com/google/cel-go, ext/README.md and "optional types").
 */
import { type ASTNode, type Environment, Optional } from '@marcbachmann/cel-js';
import { spend } from '../steps.ts';
import { sameValue } from '../types.ts';
import { sortedByKeys } from './ordering.ts';

/** What of the library's type checker and evaluator a macro is given. */
interface Checker {
  check(node: ASTNode, context: CheckContext): CelTypeDeclaration;
  getType(name: string): CelTypeDeclaration;
}
interface CelTypeDeclaration {
  readonly kind: string;
  readonly name: string;
  readonly keyType?: CelTypeDeclaration;
  readonly valueType?: CelTypeDeclaration;
}
interface CheckContext {
  forkWithVariable(name: string, type: CelTypeDeclaration): CheckContext & RunContext;
}
interface RunContext {
  reuse(context: RunContext): { setIterValue(value: unknown, evaluator: Evaluator): RunContext };
}
interface Evaluator {
  run(node: ASTNode, context: RunContext): unknown;
}

/** A macro as it stands in one expression. */
interface Call {
  readonly receiver: ASTNode;
  readonly args: readonly ASTNode[];
}
/** Evaluates the n-th of a macro's expressions, for one item. */
type Body = (index: number) => unknown;

interface Comprehension {
  /** How many of the arguments name variables: the value alone, or index or key before it. */
  readonly variables: 1 | 2;
  /** By the types of what the expressions give. */
  type(checker: Checker, bodies: readonly CelTypeDeclaration[], receiver: CelTypeDeclaration): CelTypeDeclaration;
  /** `items`: keys or indexes with their values; `of`: evaluates an expression for one of them. */
  evaluate(items: readonly (readonly [unknown, unknown])[], of: (item: readonly [unknown, unknown]) => Body): unknown;
}

export function registerComprehensions(environment: Environment): void {
  const add = (name: string, expressions: number, comprehension: Comprehension): void => {
    const asts = Array.from({ length: comprehension.variables + expressions }, () => 'ast').join(', ');
    for (const receiver of name.startsWith('opt') ? ['optional'] : ['list', 'map']) {
      environment.registerFunction(`${receiver}.${name}(${asts}): dyn`, (call: Call) => macro(call, comprehension), {
        async: false,
      });
    }
  };
  add('all', 1, { variables: 2, type: bool, evaluate: (items, of) => !decided(items, (item) => of(item)(0), false) });
  add('exists', 1, { variables: 2, type: bool, evaluate: (items, of) => decided(items, (item) => of(item)(0), true) });
  for (const name of ['exists_one', 'existsOne']) {
    const one: Comprehension['evaluate'] = (items, of) => items.filter((item) => isTrue(of(item)(0))).length === 1;
    add(name, 1, { variables: 2, type: bool, evaluate: one });
    if (name === 'existsOne') add(name, 1, { variables: 1, type: bool, evaluate: one });
  }
  add('transformList', 1, {
    variables: 2,
    type: (checker, [made]) => checker.getType(`list<${made?.name ?? 'dyn'}>`),
    evaluate: (items, of) => items.map((item) => of(item)(0)),
  });
  add('transformList', 2, {
    variables: 2,
    type: (checker, [, made]) => checker.getType(`list<${made?.name ?? 'dyn'}>`),
    evaluate: (items, of) => items.filter((item) => isTrue(of(item)(0))).map((item) => of(item)(1)),
  });
  add('transformMap', 1, {
    variables: 2,
    type: mapOfSameKeys,
    evaluate: (items, of) => new Map(items.map((item) => [item[0], of(item)(0)])),
  });
  add('transformMap', 2, {
    variables: 2,
    type: (checker, [, made], receiver) => mapOfSameKeys(checker, made ? [made] : [], receiver),
    evaluate: (items, of) => new Map(items.filter((item) => isTrue(of(item)(0))).map((item) => [item[0], of(item)(1)])),
  });
  add('transformMapEntry', 1, {
    variables: 2,
    type: (checker, [made]) => made ?? checker.getType('dyn'),
    evaluate: (items, of) => mapOfEntries(items.map((item) => of(item)(0))),
  });
  add('transformMapEntry', 2, {
    variables: 2,
    type: (checker, [, made]) => made ?? checker.getType('dyn'),
    evaluate: (items, of) => mapOfEntries(items.filter((item) => isTrue(of(item)(0))).map((item) => of(item)(1))),
  });
  add('sortBy', 1, {
    variables: 1,
    type: (_checker, _bodies, receiver) => receiver,
    evaluate: (items, of) =>
      sortedByKeys(
        items.map(([, value]) => value),
        items.map((item) => of(item)(0)),
      ),
  });
  add('optMap', 1, {
    variables: 1,
    type: (checker, [made]) => checker.getType(`optional<${made?.name ?? 'dyn'}>`),
    evaluate: ([item], of) => (item ? Optional.of(of(item)(0)) : Optional.none()),
  });
  add('optFlatMap', 1, {
    variables: 1,
    type: (checker, [made]) => made ?? checker.getType('optional'),
    evaluate: ([item], of) => (item ? of(item)(0) : Optional.none()),
  });
}

/** Makes of one call what the library calls when it checks and evaluates it. */
function macro({ receiver, args }: Call, { variables, type, evaluate }: Comprehension): object {
  const names = args.slice(0, variables).map(variableOf);
  const bodies = args.slice(variables);
  let scopes: readonly RunContext[] = [];
  return {
    typeCheck(checker: Checker, _macro: unknown, context: CheckContext) {
      const of = checker.check(receiver, context);
      const dyn = checker.getType('dyn');
      const key = of.kind === 'list' ? checker.getType('int') : (of.keyType ?? dyn);
      const single = of.kind === 'map' ? key : (of.valueType ?? dyn);
      const types = variables === 1 ? [single] : [key, of.valueType ?? dyn];
      let inner = context;
      scopes = names.map((name, index) => {
        const scope = inner.forkWithVariable(name, types[index] ?? dyn);
        inner = scope;
        return scope;
      });
      const made = bodies.map((body) => checker.check(body, inner));
      return type(checker, made, of);
    },
    evaluate(evaluator: Evaluator, _macro: unknown, context: RunContext) {
      const found = evaluator.run(receiver, context);
      const isMap = !Array.isArray(found) && !(found instanceof Optional);
      return evaluate(itemsOf(found), (item) => (index) => {
        const values = variables === 2 ? item : [isMap ? item[0] : item[1]];
        const body = bodies[index];
        if (!body) throw new Error(`a macro has no expression ${index}`);
        return evaluator.run(
          body,
          scopes.reduce((outer, scope, at) => scope.reuse(outer).setIterValue(values[at], evaluator), context),
        );
      });
    },
    async: false,
  };
}

function variableOf(node: ASTNode): string {
  if (node.op !== 'id') throw new Error('argument must be a simple name');
  return node.args;
}

function itemsOf(value: unknown): (readonly [unknown, unknown])[] {
  if (value instanceof Optional) return value.hasValue() ? [[undefined, value.value()]] : [];
  if (Array.isArray(value)) return value.map((item, index) => [BigInt(index), item]);
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null) return Object.entries(value);
  throw new Error('no such overload');
}

function isTrue(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error('no such overload');
  return value;
}

/** Whether some item gives what decides; an error counts only where none does. */
function decided<T>(items: readonly T[], of: (item: T) => unknown, deciding: boolean): boolean {
  let failure: { readonly error: unknown } | undefined;
  for (const item of items) {
    try {
      if (isTrue(of(item)) === deciding) return true;
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
  return false;
}

const bool = (checker: Checker): CelTypeDeclaration => checker.getType('bool');

function mapOfSameKeys(
  checker: Checker,
  [made]: readonly CelTypeDeclaration[],
  receiver: CelTypeDeclaration,
): CelTypeDeclaration {
  const key = receiver.kind === 'list' ? 'int' : (receiver.keyType?.name ?? 'dyn');
  return checker.getType(`map<${key}, ${made?.name ?? 'dyn'}>`);
}

function mapOfEntries(entries: readonly unknown[]): Map<unknown, unknown> {
  const map = new Map<unknown, unknown>();
  for (const entry of entries) {
    spend(map.size);
    for (const [key, value] of itemsOf(entry)) {
      if ([...map.keys()].some((other) => sameValue(other, key)))
        throw new Error(`insert failed: key ${key} already exists`);
      map.set(key, value);
    }
  }
  return map;
}
