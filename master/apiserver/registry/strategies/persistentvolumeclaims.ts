/** PersistentVolumeClaims: once bound, only how much they ask for and their attributes' class may change. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { PersistentVolumeClaim } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { classOf } from '../../../api/volume-claims.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../columns/common.ts';
import { accessModesText } from '../columns/volumes.ts';
import type { Strategy } from '../strategy.ts';
import { validateClaimSpec } from '../validation/claim.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { claimWarnings } from '../validation/volume-warnings.ts';
import { withStatus } from './with-status.ts';

type Pvc = PersistentVolumeClaim;
type Spec = NonNullable<Pvc['spec']>;

/** What a bound volume has; nothing until there is one. */
const ofBound = (pvc: Pvc, text: (status: NonNullable<Pvc['status']>) => string): string =>
  pvc.spec?.volumeName ? text(pvc.status ?? {}) : '';

export const persistentVolumeClaimStrategy: Strategy<Pvc> = {
  kind: kinds.persistentvolumeclaims,
  columns: [
    nameColumn,
    column<Pvc>('Status', 'Whether the claim is bound to a volume.', ({ metadata, status }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column<Pvc>('Volume', 'The volume that the claim is bound to.', ({ spec }) => spec?.volumeName ?? ''),
    column<Pvc>('Capacity', 'How much the volume holds.', (pvc) =>
      ofBound(pvc, ({ capacity }) => capacity?.storage ?? '0'),
    ),
    column<Pvc>('Access Modes', 'The ways in which the volume can be mounted.', (pvc) =>
      ofBound(pvc, ({ accessModes }) => accessModesText(accessModes)),
    ),
    column<Pvc>('StorageClass', 'StorageClass of the pvc', classOf),
    column<Pvc>(
      'VolumeAttributesClass',
      'VolumeAttributesClass of the pvc',
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn,
    wideColumn<Pvc>('VolumeMode', 'Whether the volume has a filesystem.', ({ spec }) => spec?.volumeMode ?? '<unset>'),
  ],
  fieldNames: ['name'],
  fieldValue: ({ metadata }) => metadata?.name ?? '',
  nameErrors: isDns1123Subdomain,
  ...withStatus<Pvc>(
    () => ({ phase: 'Pending' }),
    ({ status }, _old, errors) => {
      for (const [name, amount] of Object.entries(status?.capacity ?? {})) {
        if (isQuantity(amount) && milliValue(amount) < 0) {
          errors.invalid(`status.capacity[${name}]`, amount, 'must be greater than or equal to 0');
        }
      }
    },
  ),

  warnings: claimWarnings,
  setDefaults({ spec }) {
    if (!spec) return;
    spec.volumeMode ||= 'Filesystem';
    // The older field is the newer one for whoever reads only that, and the other way round (KEP-1495).
    const { dataSource, dataSourceRef } = spec;
    if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
    else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
      const { apiGroup, kind, name } = dataSourceRef;
      spec.dataSource = { ...(apiGroup !== undefined && { apiGroup }), kind, name };
    }
  },
  validate: ({ spec }, errors) => validateClaimSpec(spec ?? {}, 'spec', errors),
  validateUpdate(pvc, old, errors) {
    validateSpecUpdate(pvc.spec ?? {}, old, errors);
  },
};

const immutable =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

function validateSpecUpdate(spec: Spec, old: Pvc, errors: FieldErrors): void {
  const before = old.spec ?? {};
  const bound = old.status?.phase === 'Bound';
  // The binder names the volume; and a default class is given to who waits without one.
  const binding = !before.volumeName && spec.volumeName !== undefined;
  const classed = before.storageClassName === undefined && !old.spec?.volumeName;
  const may = (yes: boolean, field: keyof Spec): Partial<Spec> => (yes ? { [field]: before[field] } : {});
  const requests = { ...spec.resources?.requests, storage: before.resources?.requests?.storage ?? '' };
  const comparable: Spec = {
    ...spec,
    ...may(binding, 'volumeName'),
    ...may(classed, 'storageClassName'),
    ...may(bound, 'volumeAttributesClassName'),
    ...(bound && { resources: { ...spec.resources, requests } }),
  };
  if (!deepEqual(comparable, before)) {
    errors.forbidden('spec', immutable);
    return;
  }
  if (!bound) return;
  const [now, then, has] = [
    spec.resources?.requests?.storage,
    before.resources?.requests?.storage,
    old.status?.capacity?.storage,
  ].map((amount) => (isQuantity(amount) ? milliValue(amount) : 0));
  if ((now ?? 0) < (then ?? 0) && (now ?? 0) <= (has ?? 0)) {
    errors.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
  }
  if (before.volumeAttributesClassName && !spec.volumeAttributesClassName) {
    errors.forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden');
  }
}
