/** When a container starts again, where it says so itself (KEP-753 for sidecars, KEP-5307 for rules). */
import type { Container } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';

const maxRules = 20;
const maxCodes = 255;

export function validateRestarts(
  { restartPolicy, restartPolicyRules: rules = [] }: Container,
  path: string,
  errors: FieldErrors,
): void {
  if (restartPolicy !== undefined) {
    validateOneOf(restartPolicy, ['Always', 'Never', 'OnFailure'], `${path}.restartPolicy`, errors);
  } else if (rules.length > 0) {
    errors.required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
  }
  const list = `${path}.restartPolicyRules`;
  if (rules.length > maxRules) errors.tooMany(list, rules.length, maxRules);
  rules.forEach(({ action = '', exitCodes }, index) => {
    const field = `${list}[${index}]`;
    validateOneOf(action, ['Restart'], `${field}.action`, errors);
    if (!exitCodes) errors.required(`${field}.exitCodes`, 'must be specified');
    else {
      const { operator = '', values = [] } = exitCodes;
      validateOneOf(operator, ['In', 'NotIn'], `${field}.exitCodes.operator`, errors);
      if (values.length > maxCodes) errors.tooMany(`${field}.exitCodes.values`, values.length, maxCodes);
    }
  });
}
