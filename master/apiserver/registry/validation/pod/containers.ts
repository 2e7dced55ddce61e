/** The containers of a pod: those that serve, those that run first, and those that are added to debug. */
import type { Container, PodSpec } from '../../../../api/types.ts';
import { isDns1123Label } from '../../../../api/validation-names.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateOneOf } from '../numbers.ts';
import { portNameErrors, validatePortNumber, validateProtocol } from '../ports.ts';
import { validateEnv } from './env.ts';
import { forbidHandlers, validateHandlers } from './handlers.ts';
import { type Volumes, validateMounts } from './mounts.ts';
import { validateResources } from './resources.ts';
import { validateRestarts } from './restarts.ts';
import { validateSecurity } from './security.ts';

type Ephemeral = NonNullable<PodSpec['ephemeralContainers']>[number];

/** What containers know of their pod. */
export interface Surroundings {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
  readonly claims: ReadonlySet<string>;
  /** A pod, and no template of one, to which only the rules of old apply. */
  readonly isPod: boolean;
}

/** `path` is where the spec stands. */
export function validateContainers(around: Surroundings, path: string, errors: FieldErrors): void {
  const { containers = [], initContainers = [], terminationGracePeriodSeconds: grace } = around.spec;
  if (containers.length === 0) errors.required(`${path}.containers`);
  const names = new Set<string>();
  containers.forEach((container, index) => {
    const field = `${path}.containers[${index}]`;
    validateContainer(container, around, field, errors);
    validateUnique(container, names, field, errors);
    validateHandlers(container, grace, field, errors);
    validateRestarts(container, field, errors);
  });
  validateHostPorts(containers, `${path}.containers`, errors);
  initContainers.forEach((container, index) => {
    const field = `${path}.initContainers[${index}]`;
    validateContainer(container, around, field, errors);
    validateRestarts(container, field, errors);
    validateUnique(container, names, field, errors);
    validateHostPorts([container], `${path}.initContainers`, errors);
    if (container.restartPolicy === 'Always') validateHandlers(container, grace, field, errors);
    else forbidHandlers(container, field, errors);
  });
  validateEphemeral(around, names, `${path}.ephemeralContainers`, errors);
}

function validateUnique(
  { name = '' }: { name?: string },
  names: Set<string>,
  field: string,
  errors: FieldErrors,
): void {
  if (name === '') return;
  if (names.has(name)) errors.duplicate(`${field}.name`, name);
  names.add(name);
}

/** What a container of a running pod cannot be given any more. */
const notForEphemeral = [
  ...(['ports', 'resources', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const),
  ...(['resizePolicy', 'restartPolicy', 'restartPolicyRules'] as const),
] as const satisfies (keyof Ephemeral)[];

const isEmpty = (value: unknown): boolean =>
  value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

function validateEphemeral(around: Surroundings, names: Set<string>, path: string, errors: FieldErrors): void {
  const others = new Set(names);
  (around.spec.ephemeralContainers ?? []).forEach((container, index) => {
    const field = `${path}[${index}]`;
    validateContainer(container, around, field, errors);
    validateUnique(container, names, field, errors);
    const { targetContainerName = '' } = container;
    if (targetContainerName !== '' && !others.has(targetContainerName)) {
      errors.notFound(`${field}.targetContainerName`, targetContainerName);
    }
    const forbidden = 'cannot be set for an Ephemeral Container';
    for (const part of notForEphemeral) if (!isEmpty(container[part])) errors.forbidden(`${field}.${part}`, forbidden);
    (container.volumeMounts ?? []).forEach((mount, at) => {
      for (const part of ['subPath', 'subPathExpr'] as const) {
        if (mount[part]) errors.forbidden(`${field}.volumeMounts[${at}].${part}`, forbidden);
      }
    });
  });
}

const terminationPolicies = ['FallbackToLogsOnError', 'File'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

/** What holds for all of them. */
function validateContainer(
  container: Container,
  { spec, volumes, claims, isPod }: Surroundings,
  path: string,
  errors: FieldErrors,
): void {
  const { name = '', image = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container;
  if (name === '') errors.required(`${path}.name`);
  else errors.invalidFor(`${path}.name`, name, isDns1123Label(name));
  if (image === '') errors.required(`${path}.image`);
  else if (isPod && image !== image.trim()) {
    errors.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
  }
  requireOneOf(terminationMessagePolicy, terminationPolicies, `${path}.terminationMessagePolicy`, errors);
  validatePorts(container, path, errors);
  validateEnv(container, path, errors);
  validateMounts(container, volumes, path, errors);
  requireOneOf(imagePullPolicy, pullPolicies, `${path}.imagePullPolicy`, errors);
  if (container.resources) validateResources(container.resources, claims, `${path}.resources`, errors);
  validateResizePolicy(container, spec.restartPolicy, `${path}.resizePolicy`, errors);
  if (container.securityContext) {
    validateSecurity(container.securityContext, spec.hostUsers !== false, `${path}.securityContext`, errors);
  }
}

export function requireOneOf(value: string, allowed: readonly string[], field: string, errors: FieldErrors): void {
  if (value === '') errors.required(field);
  else validateOneOf(value, allowed, field, errors);
}

function validatePorts({ ports = [] }: Container, path: string, errors: FieldErrors): void {
  const names = new Set<string>();
  ports.forEach(({ name = '', containerPort, hostPort, protocol = '' }, index) => {
    const field = `${path}.ports[${index}]`;
    if (name !== '') {
      const messages = portNameErrors(name);
      errors.invalidFor(`${field}.name`, name, messages);
      if (messages.length === 0 && names.has(name)) errors.duplicate(`${field}.name`, name);
      names.add(name);
    }
    if (!containerPort) errors.required(`${field}.containerPort`);
    else validatePortNumber(containerPort, `${field}.containerPort`, errors);
    if (hostPort) validatePortNumber(hostPort, `${field}.hostPort`, errors);
    validateProtocol(protocol, `${field}.protocol`, errors);
  });
}

/** No port of the node is asked for twice by containers that run at the same time. */
function validateHostPorts(containers: readonly Container[], path: string, errors: FieldErrors): void {
  const taken = new Set<string>();
  containers.forEach(({ ports = [] }, at) => {
    ports.forEach(({ hostPort, hostIP = '', protocol = '' }, index) => {
      if (!hostPort) return;
      const asked = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(asked)) errors.duplicate(`${path}[${at}].ports[${index}].hostPort`, asked);
      taken.add(asked);
    });
  });
}

/** How a container takes other resources while it runs (KEP-1287). Kubernetes names only the list. */
function validateResizePolicy(
  { resizePolicy = [] }: Container,
  podRestartPolicy: string | undefined,
  field: string,
  errors: FieldErrors,
): void {
  const seen = new Set<string>();
  resizePolicy.forEach(({ resourceName = '', restartPolicy = '' }, index) => {
    if (seen.has(resourceName)) errors.duplicate(`${field}[${index}]`, resourceName);
    seen.add(resourceName);
    requireOneOf(resourceName, ['cpu', 'memory'], field, errors);
    requireOneOf(restartPolicy, ['NotRequired', 'RestartContainer'], field, errors);
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.invalid(field, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
  });
}
