/** What most kinds have in common: a spec that clients write, and a status that only controllers write, by its subresource. */
import type { KubeObject } from '../../../api/types.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

interface WithStatus extends KubeObject {
  status?: unknown;
}

/**
 * The hooks of a kind with a status: it begins with `initial` (nothing unless given), and writes to the object leave it as it
 * is. `validate` is for writes to the status.
 */
export function withStatus<T extends WithStatus>(
  initial?: () => T['status'],
  validate?: (object: T, old: T, errors: FieldErrors) => void,
): Pick<Strategy<T>, 'prepareForCreate' | 'prepareForUpdate' | 'subresources'> {
  return {
    prepareForCreate(object) {
      if (initial) object.status = initial();
      else delete object.status;
    },
    prepareForUpdate(object, old) {
      if (old.status === undefined) delete object.status;
      else object.status = old.status;
    },
    subresources: { status: statusOnly<T>(validate) },
  };
}
