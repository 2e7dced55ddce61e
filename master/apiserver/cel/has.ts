/**
 * The macro `has(e.f)`: whether the object that `e` evaluates to has the field. The library takes only names and dots for `e`,
 * and does not look whether the field may exist; CEL takes any expression, and says what cannot exist when it compiles.
 */
import { type ASTNode, Optional } from '@marcbachmann/cel-js';

/** What of the library's type checker and evaluator a macro is given. */
interface Checker {
  check(node: ASTNode, context: unknown): unknown;
  getType(name: string): unknown;
}
interface Evaluator {
  run(node: ASTNode, context: unknown): unknown;
  debugType(value: unknown): { fieldLazy(value: unknown, field: string, node: ASTNode, evaluator: unknown): unknown };
}

/** Gives a parsed call of `has` its meaning. To be done before the expression is checked. */
export function replaceHas(node: Extract<ASTNode, { op: 'call' }>): void {
  const [, [argument]] = node.args;
  const meta: unknown = Reflect.get(node, 'meta');
  const macro: unknown = typeof meta === 'object' && meta !== null ? Reflect.get(meta, 'macro') : undefined;
  // Anything but a field is refused by the library itself.
  if (typeof macro !== 'object' || macro === null || argument?.op !== '.') return;
  const [operand, field] = argument.args;
  Object.assign(macro, {
    typeCheck(checker: Checker, _macro: unknown, context: unknown) {
      checker.check(argument, context);
      return checker.getType('bool');
    },
    evaluate(evaluator: Evaluator, _macro: unknown, context: unknown) {
      const found = evaluator.run(operand, context);
      const object = found instanceof Optional ? (found.hasValue() ? found.value() : undefined) : found;
      if (object === undefined) return false;
      return evaluator.debugType(object).fieldLazy(object, field, argument, evaluator) !== undefined;
    },
  });
}
