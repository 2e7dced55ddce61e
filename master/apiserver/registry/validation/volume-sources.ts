/** Where the contents of a volume come from: what each source must say (Kubernetes' "Volumes" page). */
import type { PersistentVolume, Volume } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateOneOf } from './numbers.ts';
import { validateDescendingPath, validateNoBacksteps } from './paths.ts';

type VolumeSpec = NonNullable<PersistentVolume['spec']>;
type Rule<Source> = (source: Source, field: string, errors: FieldErrors) => void;
/** A rule for each source that `Holder` can have. */
export type SourceRules<Holder> = { readonly [Name in keyof Holder]?: Rule<NonNullable<Holder[Name]>> };

/**
 * Judges the source that `holder` has by the rules of its kind, and says so where it has none or several. `field` is where the
 * holder stands; the first source, in the order of the rules, counts.
 */
export function validateSources<Holder extends object>(
  holder: Holder,
  rules: SourceRules<Holder>,
  field: string,
  errors: FieldErrors,
): void {
  let first = true;
  for (const name in rules) {
    const source = holder[name];
    if (source === undefined || source === null) continue;
    if (first) rules[name]?.(source, `${field}.${name}`, errors);
    else errors.forbidden(`${field}.${name}`, 'may not specify more than 1 volume type');
    first = false;
  }
  if (first) errors.required(field, 'must specify a volume type');
}

/** The fields without which a source says nothing. */
export const needs =
  <Name extends string>(...names: readonly Name[]) =>
  (source: { readonly [Field in Name]?: unknown }, field: string, errors: FieldErrors): void => {
    for (const name of names) {
      const value = source[name];
      if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) {
        errors.required(`${field}.${name}`);
      }
    }
  };

const both =
  <A, B>(first: Rule<A>, second: Rule<B>): Rule<A & B> =>
  (source, field, errors) => {
    first(source, field, errors);
    second(source, field, errors);
  };

type SecretRef = { readonly name?: string; readonly namespace?: string };

/** Whose name a secret has; `namespaced`: also whose namespace, where the volume has none. */
const secret =
  (namespaced: boolean): Rule<{ readonly secretRef?: SecretRef }> =>
  ({ secretRef }, field, errors) => {
    if (!secretRef) return;
    needs('name')(secretRef, `${field}.secretRef`, errors);
    if (namespaced) needs('namespace')(secretRef, `${field}.secretRef`, errors);
  };

const partition: Rule<{ readonly partition?: number }> = ({ partition: value = 0 }, field, errors) => {
  if (value < 0 || value > 255) errors.invalid(`${field}.partition`, value, 'must be between 1 and 255, inclusive');
};

const hostPathTypes = [
  ...['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File'],
  ...['Socket', 'CharDevice', 'BlockDevice'],
];

const hostPath: Rule<NonNullable<Volume['hostPath']>> = ({ path = '', type }, field, errors) => {
  if (path === '') errors.required(`${field}.path`);
  else {
    validateNoBacksteps(path, `${field}.path`, errors);
    if (type !== undefined) validateOneOf(type, hostPathTypes, `${field}.type`, errors);
  }
};

const initiators = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
};

function validateInitiator(name: string, field: string, errors: FieldErrors): void {
  const form = Object.entries(initiators).find(([prefix]) => name.startsWith(prefix));
  if (!form) errors.invalid(field, name, 'must be valid format starting with iqn, eui, or naa');
  else if (!form[1].test(name)) errors.invalid(field, name, 'must be valid format');
}

const iscsi: Rule<NonNullable<Volume['iscsi']>> = (source, field, errors) => {
  needs('targetPortal', 'iqn')(source, field, errors);
  const { iqn, lun = 0, initiatorName, chapAuthDiscovery, chapAuthSession, secretRef } = source;
  if (iqn) validateInitiator(iqn, `${field}.iqn`, errors);
  if (lun < 0 || lun > 255) errors.invalid(`${field}.lun`, lun, 'must be between 0 and 255, inclusive');
  if ((chapAuthDiscovery || chapAuthSession) && !secretRef) errors.required(`${field}.secretRef`);
  if (initiatorName !== undefined) validateInitiator(initiatorName, `${field}.initiatorname`, errors);
};

const fc: Rule<NonNullable<Volume['fc']>> = ({ targetWWNs = [], wwids = [], lun }, field, errors) => {
  if (targetWWNs.length + wwids.length === 0) {
    errors.required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both');
  } else if (targetWWNs.length > 0 && wwids.length > 0) {
    const why = 'targetWWNs and wwids can not be specified simultaneously';
    errors.invalid(`${field}.targetWWNs`, targetWWNs, why);
  }
  if (targetWWNs.length === 0) return;
  if (lun === undefined) errors.required(`${field}.lun`, 'lun is required if targetWWNs is specified');
  else if (lun < 0 || lun > 255) errors.invalid(`${field}.lun`, lun, 'must be between 0 and 255, inclusive');
};

const nfs: Rule<NonNullable<Volume['nfs']>> = (source, field, errors) => {
  needs('server', 'path')(source, field, errors);
  const { path = '' } = source;
  if (!path.startsWith('/')) errors.invalid(`${field}.path`, path, 'must be an absolute path');
};

const flocker: Rule<NonNullable<Volume['flocker']>> = ({ datasetName = '', datasetUUID = '' }, field, errors) => {
  if (datasetName === '' && datasetUUID === '') {
    errors.required(field, 'one of datasetName and datasetUUID is required');
  } else if (datasetName !== '' && datasetUUID !== '') {
    errors.invalid(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously');
  }
  if (datasetName.includes('/')) errors.invalid(`${field}.datasetName`, datasetName, "must not contain '/'");
};

const azureDisk: Rule<NonNullable<Volume['azureDisk']>> = (source, field, errors) => {
  needs('diskName', 'diskURI')(source, field, errors);
  const { cachingMode, kind } = source;
  if (cachingMode !== undefined) {
    validateOneOf(cachingMode, ['None', 'ReadOnly', 'ReadWrite'], `${field}.cachingMode`, errors);
  }
  if (kind !== undefined) validateOneOf(kind, ['Dedicated', 'Managed', 'Shared'], `${field}.kind`, errors);
};

const flexVolume: Rule<{ readonly driver: string; readonly options?: Record<string, string> }> = (
  source,
  field,
  errors,
) => {
  needs('driver')(source, field, errors);
  for (const key of Object.keys(source.options ?? {})) {
    if (/\.(kubernetes|k8s)\.io$/.test(`.${key.split('/', 1)[0]}`.toLowerCase())) {
      errors.invalid(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved');
    }
  }
};

const storageos: Rule<{ readonly volumeName?: string; readonly volumeNamespace?: string }> = (
  { volumeName, volumeNamespace },
  field,
  errors,
) => {
  if (!volumeName) errors.required(`${field}.volumeName`);
  else errors.invalidFor(`${field}.volumeName`, volumeName, isDns1123Label(volumeName));
  if (volumeNamespace) {
    errors.invalidFor(`${field}.volumeNamespace`, volumeNamespace, isDns1123Label(volumeNamespace));
  }
};

const maxDriverLength = 63;

/** The name of a CSI driver, wherever it stands. */
export function validateDriverName(driver: string, field: string, errors: FieldErrors): void {
  if (driver === '') errors.required(field);
  if (driver.length > maxDriverLength) errors.tooLong(field, maxDriverLength);
  errors.invalidFor(field, driver, isDns1123Subdomain(driver.toLowerCase()));
}

/** Sources that pods and volumes of their own have alike. */
const shared = {
  hostPath,
  gcePersistentDisk: both(needs('pdName'), partition),
  awsElasticBlockStore: both(needs('volumeID'), partition),
  nfs,
  flocker,
  fc,
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk,
  quobyte: needs('registry', 'volume'),
  flexVolume,
} as const;

/** Sources that a pod has in itself, beside those that its kubelet makes of the cluster's objects. */
export const podSources: SourceRules<Volume> = {
  ...shared,
  gitRepo: (source, field, errors) => {
    needs('repository')(source, field, errors);
    validateDescendingPath(source.directory ?? '', `${field}.directory`, errors);
  },
  iscsi,
  glusterfs: needs('endpoints', 'path'),
  rbd: needs('monitors', 'image'),
  cinder: both(needs('volumeID'), secret(false)),
  cephfs: needs('monitors'),
  azureFile: needs('secretName', 'shareName'),
  scaleIO: needs('gateway', 'system', 'volumeName'),
  storageos: both(storageos, secret(false)),
};

const csiSecrets = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

/** Sources of PersistentVolumes. */
export const persistentSources: SourceRules<VolumeSpec> = {
  ...shared,
  glusterfs: needs('endpoints', 'path'),
  rbd: needs('monitors', 'image'),
  cephfs: needs('monitors'),
  iscsi: (source, field, errors) => {
    iscsi(source, field, errors);
    if (source.secretRef) needs('name')(source.secretRef, `${field}.secretRef`, errors);
  },
  cinder: both(needs('volumeID'), secret(true)),
  azureFile: needs('secretName', 'shareName'),
  scaleIO: needs('gateway', 'system', 'volumeName'),
  local: ({ path = '' }, field, errors) => {
    if (path === '') errors.required(`${field}.path`);
    else validateNoBacksteps(path, `${field}.path`, errors);
  },
  storageos,
  csi: (source, field, errors) => {
    validateDriverName(source.driver ?? '', `${field}.driver`, errors);
    needs('volumeHandle')(source, field, errors);
    for (const name of csiSecrets) {
      const reference = source[name];
      if (!reference) continue;
      const at = `${field}.${name}`;
      needs('name', 'namespace')(reference, at, errors);
      if (reference.name) errors.invalidFor(`${at}.name`, reference.name, isDns1123Subdomain(reference.name));
      if (reference.namespace)
        errors.invalidFor(`${at}.namespace`, reference.namespace, isDns1123Label(reference.namespace));
    }
  },
};
