/**
 * The environment of a container: services' variables first, then envFrom, then env, each able to refer to the ones
 * before it with `$(NAME)`. Pure: objects come through lookups.
 */
import type { ConfigMap, Container, Pod, Secret, Service } from '../../../master/api/types.ts';
import { expand } from './expand.ts';
import { type FieldContext, fieldValue, resourceValue } from './field-values.ts';
import { namespaceOf } from './pod.ts';

export interface EnvironmentContext extends FieldContext {
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
  readonly services: readonly Service[];
  /** What a file in a volume says; undefined where it is not there. */
  readonly file?: (volume: string, path: string) => ReadonlyMap<string, string> | undefined;
}

/** What a container asks for is not there: its state becomes CreateContainerConfigError until it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface Variable {
  readonly name: string;
  readonly value: string;
}

export function environmentOf(pod: Pod, container: Container, context: EnvironmentContext): Variable[] {
  const services = serviceVariables(pod, context.services);
  const variables = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data = configMapRef
      ? configMapData(context, configMapRef.name ?? '', configMapRef.optional)
      : secretRef
        ? secretData(context, secretRef.name ?? '', secretRef.optional)
        : {};
    for (const [name, value] of Object.entries(data)) variables.set(`${prefix}${name}`, value);
  }
  for (const variable of container.env ?? []) {
    const lookup = (name: string): string | undefined => variables.get(name) ?? services.get(name);
    const value = variable.valueFrom
      ? valueFrom(pod, container, variable.valueFrom, context)
      : expand(variable.value ?? '', lookup);
    if (value !== undefined) variables.set(variable.name, value);
  }
  return [...new Map([...services, ...variables])].map(([name, value]) => ({ name, value }));
}

type Source = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

/** Undefined for an optional reference to what is not there: the variable is then not set. */
function valueFrom(pod: Pod, container: Container, source: Source, context: EnvironmentContext): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  try {
    if (fieldRef) return fieldValue(pod, fieldRef.fieldPath, context);
    if (resourceFieldRef) return resourceValue(pod, container, resourceFieldRef, context);
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
  const namespace = namespaceOf(pod);
  if (configMapKeyRef) {
    const { name = '', key, optional } = configMapKeyRef;
    return keyOf(configMapData(context, name, optional), key, optional, `ConfigMap ${namespace}/${name}`);
  }
  if (secretKeyRef) {
    const { name = '', key, optional } = secretKeyRef;
    return keyOf(secretData(context, name, optional), key, optional, `Secret ${namespace}/${name}`);
  }
  if (fileKeyRef) {
    const { volumeName, path, key, optional } = fileKeyRef;
    const value = context.file?.(volumeName, path)?.get(key);
    // Where volumes are simulated nobody writes files.
    if (value !== undefined || optional || !context.file) return value;
    throw new ConfigError(`environment variable key "${key}" not found in file "${path}"`);
  }
  return '';
}

function keyOf(
  data: Readonly<Record<string, string>>,
  key: string,
  optional: boolean | undefined,
  title: string,
): string | undefined {
  const value = data[key];
  if (value === undefined && !optional) throw new ConfigError(`couldn't find key ${key} in ${title}`);
  return value;
}

function configMapData(context: EnvironmentContext, name: string, optional?: boolean): Record<string, string> {
  const object = context.configMap(name);
  if (!object && !optional) throw new ConfigError(`configmap "${name}" not found`);
  return object?.data ?? {};
}

function secretData(context: EnvironmentContext, name: string, optional?: boolean): Record<string, string> {
  const object = context.secret(name);
  if (!object && !optional) throw new ConfigError(`secret "${name}" not found`);
  const entries = Object.entries(object?.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}

/** The services of the pod's namespace when it wants them, and the API's own always ("Service", environment variables). */
function serviceVariables(pod: Pod, services: readonly Service[]): Map<string, string> {
  const links = pod.spec?.enableServiceLinks ?? true;
  const variables = new Map<string, string>();
  for (const service of services) {
    const { name = '', namespace } = service.metadata ?? {};
    const isApi = namespace === 'default' && name === 'kubernetes';
    const wanted = isApi || (links && namespace === namespaceOf(pod));
    const ip = service.spec?.clusterIP;
    const [first, ...more] = service.spec?.ports ?? [];
    if (!wanted || !ip || ip === 'None' || !first) continue;
    const prefix = name.toUpperCase().replaceAll('-', '_');
    variables.set(`${prefix}_SERVICE_HOST`, ip);
    variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const port of [first, ...more]) {
      if (port.name)
        variables.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
    }
    const url = ({ port, protocol = 'TCP' }: typeof first): string => `${protocol.toLowerCase()}://${ip}:${port}`;
    variables.set(`${prefix}_PORT`, url(first));
    for (const port of [first, ...more]) {
      const { protocol = 'TCP' } = port;
      const stem = `${prefix}_PORT_${port.port}_${protocol}`;
      variables.set(stem, url(port));
      variables.set(`${stem}_PROTO`, protocol.toLowerCase());
      variables.set(`${stem}_PORT`, String(port.port));
      variables.set(`${stem}_ADDR`, ip);
    }
  }
  return variables;
}
