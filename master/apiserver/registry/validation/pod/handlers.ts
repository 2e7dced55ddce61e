/** What is done to a container from outside: probes, and what happens when it starts and before it stops. */
import type { Container, Probe } from '../../../../api/types.ts';
import type { FieldErrors } from '../field-errors.ts';
import { validateNotNegative, validateOneOf } from '../numbers.ts';
import { validatePortNumber, validatePortNumberOrName } from '../ports.ts';

type Hook = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;
type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<Hook, 'sleep'>;

const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
const hooks = ['postStart', 'preStop'] as const;
const numbers = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;

/** `graceSeconds`: how long the pod may take to stop. */
export function validateHandlers(
  container: Container,
  graceSeconds: number | undefined,
  path: string,
  errors: FieldErrors,
): void {
  for (const hook of hooks) {
    const handler = container.lifecycle?.[hook];
    if (handler) validateHandler(handler, graceSeconds, `${path}.lifecycle.${hook}`, errors);
  }
  for (const name of probes) {
    const probe = container[name];
    if (probe) validateProbe(probe, name, graceSeconds, `${path}.${name}`, errors);
  }
}

/** Containers that run to their end before the others start are not looked after. */
export function forbidHandlers(container: Container, path: string, errors: FieldErrors): void {
  for (const field of ['lifecycle', ...probes] as const) {
    if (container[field] === undefined) continue;
    errors.forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always');
  }
}

function validateProbe(
  probe: Probe,
  name: (typeof probes)[number],
  graceSeconds: number | undefined,
  path: string,
  errors: FieldErrors,
): void {
  validateHandler(probe, graceSeconds, path, errors);
  for (const field of numbers) validateNotNegative(probe[field], `${path}.${field}`, errors);
  const { terminationGracePeriodSeconds: grace, successThreshold = 1 } = probe;
  const field = `${path}.terminationGracePeriodSeconds`;
  if (grace !== undefined && grace <= 0) errors.invalid(field, grace, 'must be greater than 0');
  if (name === 'readinessProbe') {
    if (grace !== undefined) errors.invalid(field, grace, 'must not be set for readinessProbes');
  } else if (successThreshold !== 1) errors.invalid(`${path}.successThreshold`, successThreshold, 'must be 1');
}

const kinds = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const satisfies (keyof Handler)[];

function validateHandler(handler: Handler, graceSeconds: number | undefined, path: string, errors: FieldErrors): void {
  const [first, ...others] = kinds.filter((kind) => handler[kind] !== undefined);
  if (first === undefined) errors.required(path, 'must specify a handler type');
  for (const kind of others) errors.forbidden(`${path}.${kind}`, 'may not specify more than 1 handler type');
  switch (first) {
    case 'exec':
      if ((handler.exec?.command ?? []).length === 0) errors.required(`${path}.exec.command`);
      break;
    case 'httpGet':
      if (handler.httpGet) validateHttpGet(handler.httpGet, `${path}.httpGet`, errors);
      break;
    case 'tcpSocket':
      validatePortNumberOrName(handler.tcpSocket?.port, `${path}.tcpSocket.port`, errors);
      break;
    case 'grpc':
      validatePortNumber(handler.grpc?.port ?? 0, `${path}.grpc.port`, errors);
      break;
    case 'sleep':
      validateSleep(handler.sleep?.seconds ?? 0, graceSeconds, `${path}.sleep`, errors);
      break;
  }
}

function validateSleep(seconds: number, graceSeconds: number | undefined, field: string, errors: FieldErrors): void {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return;
  const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  errors.invalid(field, seconds, why);
}

function validateHttpGet(
  { path = '', port, scheme = '', httpHeaders = [] }: NonNullable<Handler['httpGet']>,
  field: string,
  errors: FieldErrors,
): void {
  if (path === '') errors.required(`${field}.path`);
  validatePortNumberOrName(port, `${field}.port`, errors);
  validateOneOf(scheme, ['HTTP', 'HTTPS'], `${field}.scheme`, errors);
  for (const { name = '' } of httpHeaders) {
    if (/^[-A-Za-z0-9]+$/.test(name)) continue;
    const why =
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    errors.invalid(`${field}.httpHeaders`, name, why);
  }
}
