/** The environment of a container, and what of a pod may be told to its containers (Kubernetes' "Downward API" page). */
import { quantityToNumber } from '../../../../api/quantity.ts';
import type { Container } from '../../../../api/types.ts';
import { isDns1123Subdomain, isQualifiedName } from '../../../../api/validation-names.ts';
import { dataKeyErrors } from '../data.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';
import { validateFilePath } from '../paths.ts';

type Variable = NonNullable<Container['env']>[number];
type Source = NonNullable<Variable['valueFrom']>;
type FieldRef = NonNullable<Source['fieldRef']>;
type ResourceFieldRef = NonNullable<Source['resourceFieldRef']>;

const told = [
  ...['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName'],
  ...['status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'],
];

export function validateEnv({ env = [], envFrom = [] }: Container, path: string, errors: FieldErrors): void {
  env.forEach(({ name = '', value, valueFrom }, index) => {
    const field = `${path}.env[${index}]`;
    if (name === '') errors.required(`${field}.name`);
    else validateVariableName(name, `${field}.name`, errors);
    if (valueFrom) validateSource(valueFrom, value, `${field}.valueFrom`, errors);
  });
  envFrom.forEach(({ prefix = '', configMapRef, secretRef }, index) => {
    const field = `${path}.envFrom[${index}]`;
    if (prefix !== '') validateVariableName(prefix, `${field}.prefix`, errors);
    for (const [source, reference] of Object.entries({ configMapRef, secretRef })) {
      if (!reference) continue;
      const { name = '' } = reference;
      if (name === '') errors.required(`${field}.${source}.name`);
      else errors.invalidFor(`${field}.${source}.name`, name, isDns1123Subdomain(name));
    }
    if (!configMapRef && !secretRef) {
      errors.invalid(`${path}.envFrom`, '', 'must specify one of: `configMapRef` or `secretRef`');
    } else if (configMapRef && secretRef) {
      errors.invalid(`${path}.envFrom`, '', 'may not have more than one field specified at a time');
    }
  });
}

/** Nearly any name will do (KEP-4369). */
function validateVariableName(name: string, field: string, errors: FieldErrors): void {
  if (/^[ -<>-~]+$/.test(name)) return;
  const why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
  errors.invalid(field, name, why);
}

function validateSource(source: Source, value: string | undefined, path: string, errors: FieldErrors): void {
  const { fieldRef, resourceFieldRef, fileKeyRef } = source;
  if (fieldRef) validateFieldRef(fieldRef, told, `${path}.fieldRef`, errors);
  if (resourceFieldRef) validateResourceFieldRef(resourceFieldRef, `${path}.resourceFieldRef`, errors);
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[name];
    if (!reference) continue;
    const field = `${path}.${name}`;
    errors.invalidFor(`${field}.name`, reference.name ?? '', isDns1123Subdomain(reference.name ?? ''));
    if (!reference.key) errors.required(`${field}.key`);
    else errors.invalidFor(`${field}.key`, reference.key, dataKeyErrors(reference.key));
  }
  if (fileKeyRef) {
    const field = `${path}.fileKeyRef`;
    if (!fileKeyRef.key) errors.required(`${field}.key`);
    else validateVariableName(fileKeyRef.key, `${field}.key`, errors);
    if (!fileKeyRef.volumeName) errors.required(`${field}.volumeName`);
    if (!fileKeyRef.path) errors.required(`${field}.path`);
    else validateFilePath(fileKeyRef.path, `${field}.path`, errors);
  }
  const sources = Object.keys(source).length;
  if (sources === 0) {
    const why =
      'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.invalid(path, '', why);
  } else if (value) errors.invalid(path, '', 'may not be specified when `value` is not empty');
  else if (sources > 1) errors.invalid(path, '', 'may not have more than one field specified at a time');
}

/** What of the pod a field of it names. `allowed` are the fields without a key: a label or an annotation is always well. */
export function validateFieldRef(
  { apiVersion = '', fieldPath = '' }: FieldRef,
  allowed: readonly string[],
  path: string,
  errors: FieldErrors,
): void {
  if (apiVersion === '') errors.required(`${path}.apiVersion`);
  else if (fieldPath === '') errors.required(`${path}.fieldPath`);
  else if (apiVersion !== 'v1') {
    const why = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    errors.invalid(`${path}.fieldPath`, fieldPath, why);
  } else validateFieldPath(fieldPath, allowed, path, errors);
}

function validateFieldPath(fieldPath: string, allowed: readonly string[], path: string, errors: FieldErrors): void {
  const [, field = fieldPath, key] = /^(.*?)\['(.*)'\]$/.exec(fieldPath) ?? [];
  const notTold = (why: string): void => {
    errors.invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`);
  };
  if (key !== undefined) {
    if (field === 'metadata.labels') errors.invalidFor(path, key, isQualifiedName(key));
    else if (field === 'metadata.annotations') {
      errors.invalidFor(path, key.toLowerCase(), isQualifiedName(key.toLowerCase()));
    } else notTold(`field label does not support subscript: ${JSON.stringify(fieldPath)}`);
  } else if (!known.has(field)) notTold(`field label not supported: ${fieldPath}`);
  else if (field !== 'spec.host') validateOneOf(field, allowed, `${path}.fieldPath`, errors);
}

/** The fields of a pod that have a label, of which not all are told. */
const known = new Set([
  ...told,
  ...['metadata.labels', 'metadata.annotations'],
  ...['spec.restartPolicy', 'spec.schedulerName', 'spec.host', 'status.phase'],
]);

const resources = ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [`limits.${name}`, `requests.${name}`]);

const powers = [1, 2, 3, 4, 5, 6].flatMap((power) => [1000 ** power, 1024 ** power]);
const ofBytes = "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the";
/** The units in which an amount is told. */
const divisors: readonly { readonly of: string; readonly units: readonly number[]; readonly why: string }[] = [
  { of: 'cpu', units: [0.001, 1], why: "only divisor's values 1m and 1 are supported with the cpu resource" },
  { of: 'memory', units: [1, ...powers], why: `${ofBytes} memory resource` },
  { of: 'ephemeral-storage', units: [1, ...powers], why: `${ofBytes} local ephemeral storage resource` },
  { of: 'hugepages-', units: [1, ...powers], why: `${ofBytes} hugepages resource` },
];

/** What of a container's resources is told; `ofVolume`: in a file, for which the container must be named. */
export function validateResourceFieldRef(
  { containerName = '', resource = '', divisor = '0' }: ResourceFieldRef,
  path: string,
  errors: FieldErrors,
  ofVolume = false,
): void {
  const hugePages = /^(limits|requests)\.hugepages-/.test(resource);
  if (ofVolume && containerName === '') errors.required(`${path}.containerName`);
  else if (resource === '') errors.required(`${path}.resource`);
  else if (!hugePages) validateOneOf(resource, resources, `${path}.resource`, errors);
  const unit = quantityToNumber(divisor);
  if (unit === 0) return;
  const name = resource.replace(/^(limits|requests)\./, '');
  const rule = divisors.find(({ of }) => name === of || (of === 'hugepages-' && hugePages));
  if (rule && !rule.units.includes(unit)) errors.invalid(`${path}.divisor`, resource, rule.why);
}
