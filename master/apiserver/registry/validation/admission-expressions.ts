/** What an expression of a webhook, a policy or a device's selector must be, so that it can be judged by later: it compiles, and gives such a value. */
import { conditionsEnvironment, mutationEnvironment, policyEnvironment } from '../../admission/expressions.ts';
import { CelEnvironment } from '../../cel/environment.ts';
import type { FieldErrors } from './field-errors.ts';

const environments = {
  webhook: conditionsEnvironment,
  policy: policyEnvironment,
  mutation: mutationEnvironment,
  /** Of what devices must be (KEP-4381). */
  device: new CelEnvironment({ device: 'dyn' }),
};

/** What passes for a list of operations: the type of an empty list is only known later. */
const lists = ['list<JSONPatch>', 'list<T>', 'list<dyn>', 'dyn'];
const mutations = {
  ApplyConfiguration: { wanted: 'Object', passing: ['Object', 'dyn'] },
  JSONPatch: { wanted: 'list(JSONPatch)', passing: lists },
} as const;

/** What a mutation's expression must be. */
export function validateMutation(
  expression: string,
  patchType: keyof typeof mutations,
  field: string,
  errors: FieldErrors,
): void {
  const compiled = environments.mutation.compile(expression);
  const { wanted, passing } = mutations[patchType];
  if (!compiled.ok) errors.invalid(field, expression, `compilation failed: ${compiled.message}`);
  else if (!passing.some((type) => type === compiled.program.type)) {
    errors.invalid(field, expression, `must evaluate to ${wanted} but got ${compiled.program.type}`);
  }
}

/** `type` is what it must give; what is only known later (`dyn`) passes. An empty expression is somebody else's matter. */
export function validateExpression(
  expression: string,
  of: keyof typeof environments,
  type: 'bool' | 'string' | 'any',
  field: string,
  errors: FieldErrors,
): void {
  if (expression.trim() === '') return;
  const compiled = environments[of].compile(expression);
  if (!compiled.ok) errors.invalid(field, expression, `compilation failed: ${compiled.message}`);
  else if (type !== 'any' && compiled.program.type !== type && compiled.program.type !== 'dyn') {
    errors.invalid(field, expression, `must evaluate to ${type}`);
  }
}
