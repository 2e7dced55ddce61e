/** storage.k8s.io/v1: classes of storage, and what drivers and nodes say of themselves. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  KubeObject,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../api/validation-names.ts';
import { ageColumn, booleanColumn, column, integerColumn, nameColumn } from '../columns/common.ts';
import type { Column } from '../context.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { validateQuantity } from '../validation/quantities.ts';
import { withStatus } from './with-status.ts';

/** A class's name, and whether it is the default one. */
const classNameColumn = (annotation: string): Column => ({
  ...nameColumn,
  value: ({ metadata }: KubeObject) =>
    `${metadata?.name ?? ''}${metadata?.annotations?.[annotation] === 'true' ? ' (default)' : ''}`,
});

const reclaimPolicies = ['Delete', 'Retain'];
const bindingModes = ['Immediate', 'WaitForFirstConsumer'];

export const storageClassStrategy: Strategy<StorageClass> = {
  kind: kinds.storageclasses,
  columns: [
    classNameColumn('storageclass.kubernetes.io/is-default-class'),
    column<StorageClass>('Provisioner', 'The type of the provisioner.', ({ provisioner }) => provisioner ?? ''),
    column<StorageClass>(
      'ReclaimPolicy',
      'The reclaim policy of volumes of this class.',
      ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    ),
    column<StorageClass>(
      'VolumeBindingMode',
      'When claims of this class are bound.',
      ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    ),
    column<StorageClass>('AllowVolumeExpansion', 'Whether volumes can be expanded.', ({ allowVolumeExpansion }) =>
      String(allowVolumeExpansion ?? false),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  setDefaults(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate({ provisioner = '', parameters, reclaimPolicy, volumeBindingMode, allowedTopologies = [] }, errors) {
    if (provisioner === '') errors.required('provisioner');
    else errors.invalidFor('provisioner', provisioner, isQualifiedName(provisioner.toLowerCase()));
    validateParameters(parameters, false, errors);
    if (reclaimPolicy) validateOneOf(reclaimPolicy, reclaimPolicies, 'reclaimPolicy', errors);
    if (volumeBindingMode === undefined) errors.required('volumeBindingMode');
    else validateOneOf(volumeBindingMode, bindingModes, 'volumeBindingMode', errors);
    allowedTopologies.forEach(({ matchLabelExpressions = [] }, index) => {
      const keys = new Set<string>();
      matchLabelExpressions.forEach(({ key = '', values = [] }, at) => {
        const field = `allowedTopologies[${index}].matchLabelExpressions[${at}]`;
        if (values.length === 0) errors.required(`${field}.values`);
        values.forEach((value, place) => {
          if (values.indexOf(value) < place) errors.duplicate(`${field}.values[${place}]`, value);
        });
        errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
        if (keys.has(key)) errors.duplicate(`${field}.key`, key);
        keys.add(key);
      });
    });
  },
  validateUpdate(now, old, errors) {
    if (!deepEqual(now.parameters, old.parameters))
      errors.forbidden('parameters', 'updates to parameters are forbidden.');
    if (now.provisioner !== old.provisioner) errors.forbidden('provisioner', 'updates to provisioner are forbidden.');
    if (now.reclaimPolicy !== old.reclaimPolicy) {
      errors.forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.');
    }
    errors.unchanged('volumeBindingMode', now.volumeBindingMode, old.volumeBindingMode);
  },
};

export const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  kind: kinds.volumeattributesclasses,
  columns: [
    classNameColumn('volumeattributesclass.storage.kubernetes.io/is-default-class'),
    column<VolumeAttributesClass>('DriverName', 'The name of the CSI driver.', ({ driverName }) => driverName ?? ''),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  validate({ driverName = '', parameters }, errors) {
    validateDriverName(driverName, 'driverName', errors);
    validateParameters(parameters, true, errors);
  },
  validateUpdate(now, old, errors) {
    errors.unchanged('driverName', now.driverName, old.driverName);
    errors.unchanged('parameters', now.parameters, old.parameters);
  },
};

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

function validateParameters(
  parameters: Record<string, string> | undefined,
  required: boolean,
  errors: FieldErrors,
): void {
  const entries = Object.entries(parameters ?? {});
  if (required && entries.length === 0) errors.required('parameters', 'must contain at least one key/value pair');
  if (entries.length > maxParameters) errors.tooLong('Provisioner Parameters Length', maxParameters);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') errors.invalid('parameters', key, 'field can not be empty.');
    bytes += key.length + value.length;
  }
  if (bytes > maxParameterBytes) errors.tooLong('parameters', maxParameterBytes);
}

function validateDriverName(name: string, field: string, errors: FieldErrors): void {
  if (name === '') errors.required(field);
  else if (name.length > 63) errors.tooLong(field, 63);
  else errors.invalidFor(field, name, isDns1123Subdomain(name.toLowerCase()));
}

export const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  kind: kinds.volumeattachments,
  columns: [
    nameColumn,
    column<VolumeAttachment>('Attacher', 'Who is asked to attach the volume.', ({ spec }) => spec?.attacher ?? ''),
    column<VolumeAttachment>('PV', 'The volume to attach.', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
    column<VolumeAttachment>('Node', 'The node to attach it to.', ({ spec }) => spec?.nodeName ?? ''),
    booleanColumn<VolumeAttachment>('Attached', 'Whether it is attached.', ({ status }) => status?.attached ?? false),
    ageColumn,
  ],
  fieldNames: ['spec.nodeName', 'spec.attacher'],
  fieldValue: ({ spec }, field) => (field === 'spec.attacher' ? spec?.attacher : spec?.nodeName) ?? '',
  nameErrors: isDns1123Subdomain,
  ...withStatus<VolumeAttachment>(() => ({ attached: false })),
  subresources: { status: nothingButStatus<VolumeAttachment>() },
  validate({ spec }, errors) {
    const { attacher = '', nodeName = '', source } = spec ?? {};
    validateDriverName(attacher, 'spec.attacher', errors);
    const { persistentVolumeName, inlineVolumeSpec } = source ?? {};
    if (!persistentVolumeName && !inlineVolumeSpec)
      errors.required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
    else if (persistentVolumeName && inlineVolumeSpec) {
      errors.forbidden('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
    } else if (persistentVolumeName) {
      errors.invalidFor(
        'spec.source.persistentVolumeName',
        persistentVolumeName,
        isDns1123Subdomain(persistentVolumeName),
      );
    }
    errors.invalidFor('spec.nodeName', nodeName, isDns1123Subdomain(nodeName));
  },
  validateUpdate({ spec }, old, errors) {
    errors.unchanged('spec', spec, old.spec);
  },
};

const lifecycleModes = ['Ephemeral', 'Persistent'];
const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];

export const csiDriverStrategy: Strategy<CSIDriver> = {
  kind: kinds.csidrivers,
  columns: [
    nameColumn,
    booleanColumn<CSIDriver>(
      'AttachRequired',
      'Whether volumes must be attached first.',
      ({ spec }) => spec?.attachRequired ?? true,
    ),
    booleanColumn<CSIDriver>(
      'PodInfoOnMount',
      'Whether the driver is told of the pod.',
      ({ spec }) => spec?.podInfoOnMount ?? false,
    ),
    booleanColumn<CSIDriver>(
      'StorageCapacity',
      'Whether it says how much storage there is.',
      ({ spec }) => spec?.storageCapacity ?? false,
    ),
    column<CSIDriver>('TokenRequests', 'The audiences of the tokens that it is given.', ({ spec }) =>
      spec?.tokenRequests ? spec.tokenRequests.map(({ audience }) => audience).join(',') : '<unset>',
    ),
    booleanColumn<CSIDriver>(
      'RequiresRepublish',
      'Whether it is asked again and again.',
      ({ spec }) => spec?.requiresRepublish ?? false,
    ),
    column<CSIDriver>(
      'Modes',
      'The life cycles of volumes that it knows.',
      ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>',
    ),
    ageColumn,
  ],
  nameErrors: (name) =>
    name.length > 63 ? ['must be no more than 63 characters'] : isDns1123Subdomain(name.toLowerCase()),
  setDefaults(driver) {
    driver.spec ??= {};
    const { spec } = driver;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validate({ spec }, errors) {
    if (spec?.fsGroupPolicy) validateOneOf(spec.fsGroupPolicy, groupPolicies, 'spec.fsGroupPolicy', errors);
    for (const mode of spec?.volumeLifecycleModes ?? []) {
      validateOneOf(mode, lifecycleModes, 'spec.volumeLifecycleModes', errors);
    }
    const audiences = new Set<string>();
    (spec?.tokenRequests ?? []).forEach(({ audience = '', expirationSeconds }, index) => {
      const field = `spec.tokenRequests[${index}]`;
      if (audiences.has(audience)) errors.duplicate(`${field}.audience`, audience);
      audiences.add(audience);
      if (expirationSeconds !== undefined && expirationSeconds < 600) {
        errors.invalid(
          `${field}.expirationSeconds`,
          expirationSeconds,
          'may not specify a duration less than 10 minutes',
        );
      }
    });
  },
  validateUpdate({ spec }, old, errors) {
    for (const field of ['attachRequired', 'fsGroupPolicy', 'volumeLifecycleModes'] as const) {
      errors.unchanged(`spec.${field}`, spec?.[field], old.spec?.[field]);
    }
  },
};

export const csiNodeStrategy: Strategy<CSINode> = {
  kind: kinds.csinodes,
  columns: [
    nameColumn,
    integerColumn<CSINode>(
      'Drivers',
      'Drivers indicates the number of CSI drivers registered on the node',
      ({ spec }) => spec?.drivers?.length ?? 0,
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  validate({ spec }, errors) {
    const names = new Set<string>();
    (spec?.drivers ?? []).forEach(({ name = '', nodeID = '', allocatable, topologyKeys = [] }, index) => {
      const field = `spec.drivers[${index}]`;
      validateDriverName(name, `${field}.name`, errors);
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
      if (nodeID === '') errors.required(`${field}.nodeID`);
      if (allocatable?.count !== undefined && allocatable.count < 0) {
        errors.invalid(`${field}.allocatable.count`, allocatable.count, 'must be greater than or equal to 0');
      }
      const seen = new Set<string>();
      for (const key of topologyKeys) {
        if (seen.has(key)) errors.duplicate(`${field}.topologyKeys`, key);
        seen.add(key);
        errors.invalidFor(`${field}.topologyKeys`, key, isQualifiedName(key));
      }
    });
  },
  validateUpdate({ spec }, old, errors) {
    // A driver may come and go, but not change but for what it can hold.
    const same = ({ name, nodeID, topologyKeys }: NonNullable<CSINode['spec']>['drivers'][number]): unknown => ({
      name,
      nodeID,
      topologyKeys,
    });
    for (const before of old.spec?.drivers ?? []) {
      const now = spec?.drivers?.find(({ name }) => name === before.name);
      if (now && !deepEqual(same(now), same(before))) errors.invalid('spec.drivers', now, 'field is immutable');
    }
  },
};

export const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  kind: kinds.csistoragecapacities,
  columns: [
    nameColumn,
    column<CSIStorageCapacity>(
      'StorageClassName',
      'The class that the capacity is of.',
      (capacity) => capacity.storageClassName ?? '',
    ),
    column<CSIStorageCapacity>('Capacity', 'How much there is.', ({ capacity }) => capacity ?? '<unset>'),
  ],
  nameErrors: isDns1123Subdomain,
  validate({ storageClassName = '', nodeTopology, capacity, maximumVolumeSize }, errors) {
    validateLabelSelector(nodeTopology, 'nodeTopology', errors);
    errors.invalidFor('storageClassName', storageClassName, isDns1123Subdomain(storageClassName));
    for (const [field, amount] of Object.entries({ capacity, maximumVolumeSize })) {
      if (amount !== undefined) validateQuantity(amount, field, errors);
    }
  },
  validateUpdate(now, old, errors) {
    errors.unchanged('nodeTopology', now.nodeTopology, old.nodeTopology);
    errors.unchanged('storageClassName', now.storageClassName, old.storageClassName);
  },
};
