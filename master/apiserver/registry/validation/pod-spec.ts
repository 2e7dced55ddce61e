/** The rules that a pod's spec and a pod template follow (Kubernetes' `ValidatePodSpec`). */
import { isQuantity, milliValue } from '../../../api/quantity.ts';
import type { Container, PodSpec, Probe, Toleration, Volume } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../../api/validation-names.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateLabels } from './metadata.ts';
import { validatePodHost } from './pod-host.ts';
import { portNameErrors, validatePortNumber, validateProtocol } from './ports.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const maxDeadlineSeconds = 2 ** 31 - 1;

/** `path` is where the spec stands, such as `spec` or `spec.template.spec`. */
export function validatePodSpec(spec: PodSpec, path: string, errors: FieldErrors): void {
  const volumes = validateVolumes(spec.volumes ?? [], `${path}.volumes`, errors);
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  if (containers.length === 0) errors.required(`${path}.containers`);
  for (const list of ['containers', 'initContainers'] as const) {
    (spec[list] ?? []).forEach((container, index) => {
      validateContainer(container, `${path}.${list}[${index}]`, list === 'initContainers', names, volumes, errors);
    });
  }
  if (!spec.restartPolicy) errors.required(`${path}.restartPolicy`);
  else oneOf(spec.restartPolicy, restartPolicies, `${path}.restartPolicy`, errors);
  if (!spec.dnsPolicy) errors.required(`${path}.dnsPolicy`);
  else oneOf(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`, errors);
  const grace = spec.terminationGracePeriodSeconds;
  if (grace === undefined) errors.required(`${path}.terminationGracePeriodSeconds`);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxDeadlineSeconds)) {
    errors.invalid(`${path}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxDeadlineSeconds}, inclusive`);
  }
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, errors);
  if (spec.serviceAccountName) {
    const messages = isDns1123Subdomain(spec.serviceAccountName);
    errors.invalidFor(`${path}.serviceAccountName`, spec.serviceAccountName, messages);
  }
  if (spec.nodeName) errors.invalidFor(`${path}.nodeName`, spec.nodeName, isDns1123Subdomain(spec.nodeName));
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field];
    if (value) errors.invalidFor(`${path}.${field}`, value, isDns1123Label(value));
  }
  (spec.imagePullSecrets ?? []).forEach(({ name }, index) => {
    if (!name) errors.required(`${path}.imagePullSecrets[${index}].name`);
  });
  validateTolerations(spec.tolerations ?? [], `${path}.tolerations`, errors);
  validatePodHost(spec, path, errors);
}

export function validateTolerations(tolerations: readonly Toleration[], path: string, errors: FieldErrors): void {
  tolerations.forEach(({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, index) => {
    const field = `${path}[${index}]`;
    if (key !== '') errors.invalidFor(`${field}.key`, key, isQualifiedName(key));
    if (key === '' && operator !== 'Exists') {
      errors.invalid(
        `${field}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.invalid(`${field}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (operator === 'Equal' || operator === '') errors.invalidFor(`${field}.operator`, value, isLabelValue(value));
    else if (operator === 'Exists') {
      if (value !== '') errors.invalid(`${field}.operator`, value, "value must be empty when `operator` is 'Exists'");
    } else oneOf(operator, ['Equal', 'Exists'], `${field}.operator`, errors);
    if (effect !== '') oneOf(effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], `${field}.effect`, errors);
  });
}

function validateVolumes(volumes: readonly Volume[], path: string, errors: FieldErrors): Set<string> {
  const names = new Set<string>();
  volumes.forEach((volume, index) => {
    const field = `${path}[${index}]`;
    const { name = '' } = volume;
    if (name === '') errors.required(`${field}.name`);
    else {
      errors.invalidFor(`${field}.name`, name, isDns1123Label(name));
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
    }
    names.add(name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    for (const source of sources.slice(1))
      errors.forbidden(`${field}.${source}`, 'may not specify more than 1 volume type');
    if (volume.hostPath && !volume.hostPath.path) errors.required(`${field}.hostPath.path`);
    if (volume.secret && !volume.secret.secretName) errors.required(`${field}.secret.secretName`);
    if (volume.configMap && !volume.configMap.name) errors.required(`${field}.configMap.name`);
    if (volume.emptyDir?.sizeLimit !== undefined)
      validateQuantity(volume.emptyDir.sizeLimit, `${field}.emptyDir.sizeLimit`, errors);
  });
  return names;
}

function validateContainer(
  container: Container,
  path: string,
  init: boolean,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  errors: FieldErrors,
): void {
  const { name = '', image = '' } = container;
  if (name === '') errors.required(`${path}.name`);
  else {
    errors.invalidFor(`${path}.name`, name, isDns1123Label(name));
    if (names.has(name)) errors.duplicate(`${path}.name`, name);
    names.add(name);
  }
  if (image === '') errors.required(`${path}.image`);
  else if (image !== image.trim())
    errors.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
  if (container.imagePullPolicy) oneOf(container.imagePullPolicy, pullPolicies, `${path}.imagePullPolicy`, errors);
  if (container.terminationMessagePolicy) {
    oneOf(
      container.terminationMessagePolicy,
      ['File', 'FallbackToLogsOnError'],
      `${path}.terminationMessagePolicy`,
      errors,
    );
  }
  validatePorts(container, path, errors);
  validateEnv(container, path, errors);
  validateMounts(container, path, volumes, errors);
  validateResources(container, path, errors);
  if (container.restartPolicy !== undefined && init)
    oneOf(container.restartPolicy, ['Always'], `${path}.restartPolicy`, errors);
  const sidecar = init && container.restartPolicy === 'Always';
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (!probe) continue;
    if (init && !sidecar)
      errors.forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always');
    else validateProbe(probe, `${path}.${field}`, field !== 'readinessProbe', errors);
  }
}

function validatePorts({ ports = [] }: Container, path: string, errors: FieldErrors): void {
  const names = new Set<string>();
  ports.forEach(({ name, containerPort, hostPort, protocol = '' }, index) => {
    const field = `${path}.ports[${index}]`;
    if (name) {
      errors.invalidFor(`${field}.name`, name, portNameErrors(name));
      if (names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
    }
    if (!containerPort) errors.required(`${field}.containerPort`);
    else validatePortNumber(containerPort, `${field}.containerPort`, errors);
    if (hostPort) validatePortNumber(hostPort, `${field}.hostPort`, errors);
    validateProtocol(protocol, `${field}.protocol`, errors);
  });
}

function validateEnv({ env = [] }: Container, path: string, errors: FieldErrors): void {
  env.forEach(({ name = '', value, valueFrom }, index) => {
    const field = `${path}.env[${index}]`;
    if (name === '') errors.required(`${field}.name`);
    else if (name.includes('='))
      errors.invalid(
        `${field}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      );
    if (!valueFrom) return;
    const sources = Object.keys(valueFrom).length;
    if (sources === 0)
      errors.invalid(
        `${field}.valueFrom`,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      );
    else if (value) errors.invalid(`${field}.valueFrom`, '', 'may not be specified when `value` is not empty');
    else if (sources > 1)
      errors.invalid(`${field}.valueFrom`, '', 'may not have more than one field specified at a time');
    for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const reference = valueFrom[source];
      if (reference && !reference.key) errors.required(`${field}.valueFrom.${source}.key`);
    }
    if (valueFrom.fieldRef && !valueFrom.fieldRef.fieldPath) errors.required(`${field}.valueFrom.fieldRef.fieldPath`);
  });
}

function validateMounts(
  { volumeMounts = [] }: Container,
  path: string,
  volumes: ReadonlySet<string>,
  errors: FieldErrors,
): void {
  const paths = new Set<string>();
  volumeMounts.forEach(({ name = '', mountPath = '' }, index) => {
    const field = `${path}.volumeMounts[${index}]`;
    if (name === '') errors.required(`${field}.name`);
    else if (!volumes.has(name)) errors.notFound(`${field}.name`, name);
    if (mountPath === '') errors.required(`${field}.mountPath`);
    if (paths.has(mountPath)) errors.invalid(`${field}.mountPath`, mountPath, 'must be unique');
    paths.add(mountPath);
  });
}

function validateResources({ resources }: Container, path: string, errors: FieldErrors): void {
  const { limits = {}, requests = {} } = resources ?? {};
  for (const [kind, list] of Object.entries({ limits, requests })) {
    for (const [name, value] of Object.entries(list)) {
      validateQuantity(value, `${path}.resources.${kind}[${name}]`, errors);
    }
  }
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined || !isQuantity(limit) || !isQuantity(request)) continue;
    if (milliValue(request) > milliValue(limit)) {
      errors.invalid(`${path}.resources.requests`, request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
}

/** A quantity that can be read and is not negative. */
export function validateQuantity(value: string, field: string, errors: FieldErrors): void {
  if (!isQuantity(value)) {
    errors.invalid(
      field,
      value,
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  } else if (milliValue(value) < 0) errors.invalid(field, value, 'must be greater than or equal to 0');
}

const probeNumbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

function validateProbe(probe: Probe, path: string, onceEnough: boolean, errors: FieldErrors): void {
  for (const field of probeNumbers) {
    const value = probe[field];
    if (value !== undefined && value < 0)
      errors.invalid(`${path}.${field}`, value, 'must be greater than or equal to 0');
  }
  if (onceEnough && (probe.successThreshold ?? 1) !== 1)
    errors.invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1');
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter((field) => probe[field] !== undefined);
  if (handlers.length === 0) errors.required(path, 'must specify a handler type');
  for (const extra of handlers.slice(1))
    errors.forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type');
  if (probe.exec && (probe.exec.command ?? []).length === 0) errors.required(`${path}.exec.command`);
}

function oneOf(value: string, allowed: readonly string[], field: string, errors: FieldErrors): void {
  if (!allowed.includes(value)) errors.notSupported(field, value, allowed);
}
