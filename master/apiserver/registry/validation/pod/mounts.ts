/** Where the volumes of a pod stand in a container. */
import type { Container, Volume } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';
import { leadsUp, validateDescendingPath } from '../paths.ts';

type Mount = NonNullable<Container['volumeMounts']>[number];

/** The volumes of a pod by their names, those that are right. */
export type Volumes = ReadonlyMap<string, Volume>;

export function validateMounts(container: Container, volumes: Volumes, path: string, errors: FieldErrors): void {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container;
  const paths = new Set<string>();
  mounts.forEach((mount, index) => {
    const field = `${path}.volumeMounts[${index}]`;
    const { name = '', mountPath = '' } = mount;
    if (name === '') errors.required(`${field}.name`);
    if (!volumes.has(name)) errors.notFound(`${field}.name`, name);
    if (mountPath === '') errors.required(`${field}.mountPath`);
    if (paths.has(mountPath)) errors.invalid(`${field}.mountPath`, mountPath, 'must be unique');
    paths.add(mountPath);
    if (devices.some((device) => device.name === name)) {
      errors.invalid(`${field}.name`, name, 'must not already exist in volumeDevices');
    }
    if (devices.some(({ devicePath }) => devicePath === mountPath)) {
      errors.invalid(`${field}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices');
    }
    validateSubPaths(mount, volumes.get(name)?.image !== undefined, field, `${path}.volumeMounts`, errors);
    validateHowMounted(mount, container, `${path}.volumeMounts`, errors);
  });
  validateDevices(container, volumes, path, errors);
}

/** Some errors stand at the list of mounts, as Kubernetes has them. */
function validateSubPaths(mount: Mount, ofImage: boolean, field: string, list: string, errors: FieldErrors): void {
  const { subPath = '', subPathExpr = '' } = mount;
  for (const [name, value] of Object.entries({ subPath, subPathExpr })) {
    if (value === '') continue;
    if (ofImage) errors.invalid(`${field}.${name}`, value, 'not allowed in image volume sources');
    validateDescendingPath(value, `${list}.${name}`, errors);
  }
  if (subPath !== '' && subPathExpr !== '') {
    errors.invalid(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive');
  }
}

function validateHowMounted(
  { mountPropagation, recursiveReadOnly, readOnly = false }: Mount,
  { securityContext }: Container,
  list: string,
  errors: FieldErrors,
): void {
  if (mountPropagation !== undefined) {
    const field = `${list}.mountPropagation`;
    validateOneOf(mountPropagation, ['Bidirectional', 'HostToContainer', 'None'], field, errors);
    if (mountPropagation === 'Bidirectional' && securityContext?.privileged !== true) {
      errors.forbidden(field, 'Bidirectional mount propagation is available only to privileged containers');
    }
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return;
  const field = `${list}.recursiveReadOnly`;
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') {
    errors.notSupported(field, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']);
    return;
  }
  if (!readOnly) errors.forbidden(field, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    errors.forbidden(field, 'may only be specified when mountPropagation is None or not specified');
  }
}

function validateDevices(
  { volumeMounts: mounts = [], volumeDevices: devices = [] }: Container,
  volumes: Volumes,
  path: string,
  errors: FieldErrors,
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  devices.forEach(({ name = '', devicePath = '' }, index) => {
    const field = `${path}.volumeDevices[${index}]`;
    const volume = volumes.get(name);
    if (name === '') errors.required(`${field}.name`);
    if (names.has(name)) errors.invalid(`${field}.name`, name, 'must be unique');
    if (!volume) errors.notFound(`${field}.name`, name);
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const why = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.invalid(`${field}.name`, name, why);
    }
    if (devicePath === '') errors.required(`${field}.devicePath`);
    if (paths.has(devicePath)) errors.invalid(`${field}.devicePath`, devicePath, 'must be unique');
    if (leadsUp(devicePath)) errors.invalid(`${field}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) {
      errors.invalid(`${field}.name`, name, 'must not already exist in volumeMounts');
    }
    if (mounts.some(({ mountPath }) => mountPath === devicePath)) {
      errors.invalid(`${field}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    }
    if (name !== '') names.add(name);
  });
}
