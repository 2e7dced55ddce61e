/** Which taints of nodes a pod tolerates (Kubernetes' "Taints and Tolerations" page). */
import type { Toleration } from '../../../../api/types.ts';
import { isLabelValue, isQualifiedName } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTolerations(tolerations: readonly Toleration[], path: string, errors: FieldErrors): void {
  tolerations.forEach(({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, index) => {
    const field = `${path}[${index}]`;
    if (key !== '') errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
    if (key === '' && operator !== 'Exists') {
      const why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.invalid(`${field}.operator`, operator, why);
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.invalid(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (operator === 'Equal' || operator === '') {
      const messages = isLabelValue(value);
      if (messages.length > 0) errors.invalid(`${field}.operator`, value, messages.join(';'));
    } else if (operator === 'Exists') {
      if (value !== '') errors.invalid(`${field}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else validateOneOf(operator, ['Equal', 'Exists'], `${field}.operator`, errors);
    if (effect !== '') validateOneOf(effect, effects, `${field}.effect`, errors);
  });
}
