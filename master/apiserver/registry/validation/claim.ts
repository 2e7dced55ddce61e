/** The rules of a claim to a volume, wherever its spec stands (Kubernetes' `ValidatePersistentVolumeClaimSpec`). */
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { PersistentVolumeClaim } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateLabelSelector } from './label-selector.ts';
import { validateOneOf } from './numbers.ts';
import { validateAccessModes, volumeModes } from './volumes.ts';

type Spec = NonNullable<PersistentVolumeClaim['spec']>;
type Source = NonNullable<Spec['dataSourceRef']>;

export function validateClaimSpec(spec: Spec, path: string, errors: FieldErrors): void {
  const { dataSource, dataSourceRef, storageClassName, volumeMode, volumeAttributesClassName } = spec;
  validateAccessModes(spec.accessModes ?? [], `${path}.accessModes`, errors);
  validateLabelSelector(spec.selector, `${path}.selector`, errors);
  const field = `${path}.resources[storage]`;
  const amount = spec.resources?.requests?.storage;
  if (amount === undefined) errors.required(field);
  else if (isQuantity(amount) && milliValue(amount) <= 0) errors.invalid(field, amount, 'must be greater than zero');
  if (storageClassName) {
    errors.invalidFor(`${path}.storageClassName`, storageClassName, isDns1123Subdomain(storageClassName));
  }
  if (volumeMode) validateOneOf(volumeMode, volumeModes, `${path}.volumeMode`, errors);
  if (dataSource) validateSource(dataSource, `${path}.dataSource`, errors);
  if (dataSourceRef) {
    validateSource(dataSourceRef, `${path}.dataSourceRef`, errors);
    if (dataSourceRef.namespace) validateElsewhere(spec, path, errors);
    else if (dataSource && !isSame(dataSource, dataSourceRef)) {
      errors.invalid(path, `${path}.dataSource`, 'must match dataSourceRef');
    }
  }
  if (volumeAttributesClassName) {
    const messages = isDns1123Subdomain(volumeAttributesClassName);
    errors.invalidFor(`${path}.volumeAttributesClassName`, volumeAttributesClassName, messages);
  }
}

/** What the volume is filled from (KEP-1495). */
function validateSource({ name, kind = '', apiGroup = '' }: Source, path: string, errors: FieldErrors): void {
  if (!name) errors.required(`${path}.name`);
  if (kind === '') errors.required(`${path}.kind`);
  if (apiGroup !== '') errors.invalidFor(`${path}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup));
  else if (kind !== 'PersistentVolumeClaim') {
    errors.invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
  }
}

/** A source of another namespace has no place in the older field. */
function validateElsewhere({ dataSource, dataSourceRef }: Spec, path: string, errors: FieldErrors): void {
  const namespace = dataSourceRef?.namespace ?? '';
  errors.invalidFor(`${path}.dataSourceRef.namespace`, namespace, isDns1123Label(namespace));
  if (dataSource)
    errors.invalid(path, `${path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified');
}

const isSame = (a: Source, b: Source): boolean =>
  a.name === b.name && a.kind === b.kind && (a.apiGroup ?? '') === (b.apiGroup ?? '');
