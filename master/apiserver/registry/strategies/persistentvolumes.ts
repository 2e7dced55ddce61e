/** PersistentVolumes. */
import { kinds } from '../../../api/kinds.ts';
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { PersistentVolume } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { classOf } from '../../../api/volume-claims.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../columns/common.ts';
import { accessModesText } from '../columns/volumes.ts';
import type { Strategy } from '../strategy.ts';
import { validateNodeSelector } from '../validation/node-selector.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { persistentSources, validateSources } from '../validation/volume-sources.ts';
import { volumeWarnings } from '../validation/volume-warnings.ts';
import { validateAccessModes, volumeModes } from '../validation/volumes.ts';
import { withStatus } from './with-status.ts';

type Pv = PersistentVolume;
type Spec = NonNullable<Pv['spec']>;

/** The fields of the spec that are no source of a volume. */
const notSources: readonly string[] = [
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
] satisfies (keyof Spec)[];

const sourceOf = (spec: Spec | undefined): [string, unknown][] =>
  Object.entries(spec ?? {}).filter(([field]) => !notSources.includes(field));

const { prepareForCreate: _create, ...statusHooks } = withStatus<Pv>();

export const persistentVolumeStrategy: Strategy<Pv> = {
  kind: kinds.persistentvolumes,
  columns: [
    nameColumn,
    column<Pv>('Capacity', 'How much the volume holds.', ({ spec }) => spec?.capacity?.storage ?? ''),
    column<Pv>('Access Modes', 'All ways in which the volume can be mounted.', ({ spec }) =>
      accessModesText(spec?.accessModes),
    ),
    column<Pv>(
      'Reclaim Policy',
      'What becomes of the volume when its claim lets it go.',
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column<Pv>('Status', 'Whether the volume is available, bound to a claim, or let go by one.', (pv) =>
      pv.metadata?.deletionTimestamp ? 'Terminating' : (pv.status?.phase ?? ''),
    ),
    column<Pv>('Claim', 'The claim that the volume is bound to.', ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : '',
    ),
    column<Pv>('StorageClass', 'StorageClass of the pv', classOf),
    column<Pv>(
      'VolumeAttributesClass',
      'VolumeAttributesClass of the pv',
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    column<Pv>('Reason', 'Why the volume is in this state, in a word.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wideColumn<Pv>('VolumeMode', 'Whether the volume has a filesystem.', ({ spec }) => spec?.volumeMode ?? '<unset>'),
  ],
  fieldNames: ['name'],
  fieldValue: ({ metadata }) => metadata?.name ?? '',
  nameErrors: isDns1123Subdomain,
  ...statusHooks,

  warnings: volumeWarnings,
  setDefaults({ spec }) {
    if (!spec) return;
    spec.persistentVolumeReclaimPolicy ||= 'Retain';
    spec.volumeMode ||= 'Filesystem';
    if (spec.hostPath) spec.hostPath.type ??= '';
    if (spec.iscsi) spec.iscsi.iscsiInterface ||= 'default';
    if (spec.rbd) {
      spec.rbd.pool ||= 'rbd';
      spec.rbd.user ||= 'admin';
      spec.rbd.keyring ||= '/etc/ceph/keyring';
    }
  },
  prepareForCreate(pv) {
    pv.status = { phase: 'Pending' };
  },
  validate({ spec }, errors) {
    validateAccessModes(spec?.accessModes ?? [], 'spec.accessModes', errors);
    const { capacity = {} } = spec ?? {};
    if (Object.keys(capacity).length === 0) errors.required('spec.capacity');
    else if (capacity.storage === undefined || Object.keys(capacity).length > 1) {
      errors.notSupported('spec.capacity', capacity, ['storage']);
    }
    for (const [name, amount] of Object.entries(capacity)) {
      if (isQuantity(amount) && milliValue(amount) <= 0) {
        errors.invalid(`spec.capacity[${name}]`, amount, 'must be greater than zero');
      }
    }
    const policy = spec?.persistentVolumeReclaimPolicy ?? '';
    validateOneOf(policy, ['Delete', 'Recycle', 'Retain'], 'spec.persistentVolumeReclaimPolicy', errors);
    validateSources(spec ?? {}, persistentSources, 'spec', errors);
    if (spec?.hostPath?.path === '/' && policy === 'Recycle') {
      errors.forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'");
    }
    if (spec?.nodeAffinity?.required) {
      validateNodeSelector(spec.nodeAffinity.required, 'spec.nodeAffinity.required', errors);
    } else if (spec?.nodeAffinity) {
      errors.required('spec.nodeAffinity.required', 'must specify required node constraints');
    } else if (spec?.local) errors.required('spec.nodeAffinity', 'Local volume requires node affinity');
    const { storageClassName, volumeMode, volumeAttributesClassName: attributes } = spec ?? {};
    if (attributes !== undefined) {
      const field = 'spec.volumeAttributesClassName';
      if (attributes === '') errors.required(field, 'an empty string is disallowed');
      else errors.invalidFor(field, attributes, isDns1123Subdomain(attributes));
      if (!spec?.csi) errors.required('spec.csi', 'has to be specified when using volumeAttributesClassName');
    }
    if (storageClassName)
      errors.invalidFor('spec.storageClassName', storageClassName, isDns1123Subdomain(storageClassName));
    if (volumeMode) validateOneOf(volumeMode, volumeModes, 'spec.volumeMode', errors);
  },
  validateUpdate({ spec }, old, errors) {
    const [now, before] = [withoutCsiSecrets(sourceOf(spec)), withoutCsiSecrets(sourceOf(old.spec))];
    if (JSON.stringify(now) !== JSON.stringify(before)) {
      errors.forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation');
    }
    errors.unchanged('spec.volumeMode', spec?.volumeMode, old.spec?.volumeMode);
    if (old.spec?.nodeAffinity) errors.unchanged('spec.nodeAffinity', spec?.nodeAffinity, old.spec.nodeAffinity);
  },
};

/** The secret by which a volume is expanded may be given later. */
function withoutCsiSecrets(source: [string, unknown][]): unknown {
  return source
    .map(([name, value]) => [
      name,
      name === 'csi' && typeof value === 'object' && value !== null
        ? Object.entries({ ...value, controllerExpandSecretRef: undefined, nodeExpandSecretRef: undefined }).sort()
        : value,
    ])
    .sort();
}
