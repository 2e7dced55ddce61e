/** Port numbers, names and protocols. */
import type { FieldErrors } from './field-errors.ts';

export const protocols = ['SCTP', 'TCP', 'UDP'];

export function validatePortNumber(port: number, field: string, errors: FieldErrors): void {
  if (port < 1 || port > 65_535) errors.invalid(field, port, 'must be between 1 and 65535, inclusive');
}

/** A port by its number, or by the name that a container gives it. */
export function validatePortNumberOrName(
  port: number | string | object | undefined,
  field: string,
  errors: FieldErrors,
): void {
  if (typeof port === 'string') errors.invalidFor(field, port, portNameErrors(port));
  else validatePortNumber(typeof port === 'number' ? port : 0, field, errors);
}

export function validateProtocol(protocol: string, field: string, errors: FieldErrors): void {
  if (protocol === '') errors.required(field);
  else if (!protocols.includes(protocol)) errors.notSupported(field, protocol, protocols);
}

/** RFC 6335, as Kubernetes' `IsValidPortName`. */
export function portNameErrors(name: string): string[] {
  const messages: string[] = [];
  if (name.length > 15) messages.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name))
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) messages.push('must contain at least one letter (a-z)');
  if (name.includes('--')) messages.push('must not contain consecutive hyphens');
  if (/^-|-$/.test(name)) messages.push('must not begin or end with a hyphen');
  return messages;
}
