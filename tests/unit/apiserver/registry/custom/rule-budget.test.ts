import test from 'ava';
import { compileRules, validateRules } from '../../../../../master/apiserver/registry/custom/rules.ts';
import { readSchema } from '../../../../../master/apiserver/registry/custom/schema.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';

const rule = 'self.all(a, self.all(b, a != "" || b != ""))';
const texts = { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': [{ rule }] };
const schema = readSchema({
  type: 'object',
  properties: { spec: { type: 'object', properties: { lists: { type: 'array', items: texts } } } },
});

function causesOf(lists: string[][]): string[] {
  const tree = compileRules(schema);
  const errors = new FieldErrors();
  if (tree) validateRules(tree, { spec: { lists } }, undefined, '', errors);
  return errors.causes.map(({ field, message }) => `${field}: ${message}`);
}

const filled = (length: number): string[] => Array.from({ length }, () => 'a');

test('one rule that does too much is cut off, and the others are asked', (t) => {
  t.deepEqual(causesOf([filled(10), filled(1_500)]), [
    `spec.lists[1]: Invalid value: "array": operation cancelled: actual cost limit exceeded evaluating rule: ${rule}`,
  ]);
});

test('rules that do too much together are asked no more', (t) => {
  const causes = causesOf(Array.from({ length: 100 }, () => filled(600)));
  t.is(causes.length, 1);
  t.regex(
    causes[0] ?? '',
    /^spec\.lists\[\d+\]: Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run$/,
  );
});
