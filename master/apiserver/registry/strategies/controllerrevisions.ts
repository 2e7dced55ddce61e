/** ControllerRevisions (apps/v1): states of a controller's data that never change. */
import { kinds } from '../../../api/kinds.ts';
import { controllerOf } from '../../../api/meta.ts';
import type { ControllerRevision } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import type { Strategy } from '../strategy.ts';
import { validateNotNegative } from '../validation/numbers.ts';

export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  kind: kinds.controllerrevisions,
  columns: [
    nameColumn,
    column<ControllerRevision>('Controller', 'Controller of the object', controllerText),
    column<ControllerRevision>('Revision', 'Revision indicates the revision of the state.', ({ revision = 0 }) =>
      String(revision),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  validate({ revision, data }, errors) {
    validateNotNegative(revision, 'revision', errors);
    if (data === undefined || data === null) errors.required('data', 'data is mandatory');
  },
  validateUpdate({ data }, old, errors) {
    errors.unchanged('data', data, old.data);
  },
};

/** `daemonset.apps/fluentd` */
function controllerText(revision: ControllerRevision): string {
  const owner = controllerOf(revision);
  if (!owner) return '<none>';
  const slash = owner.apiVersion.lastIndexOf('/');
  const group = slash < 0 ? '' : `.${owner.apiVersion.slice(0, slash)}`;
  return `${owner.kind}${group}`.toLowerCase().concat(`/${owner.name}`);
}
