/**
 * The generated schema: every type of the Kubernetes API with its fields, by names such as `core.v1.Container`.
 * compose/api-schema.ts makes it when the project is set up or an image is built; it is read when first needed, and a type is
 * parsed when first asked for. The texts that explain the fields are large and wanted only by OpenAPI: they are read apart, and
 * not kept.
 */
import { readFileSync } from 'node:fs';
import { holdsQuantities } from './facts.ts';

const directory = new URL('../../../../.cache/api-schema/', import.meta.url);

export type ScalarName = 'string' | 'bytes' | 'int32' | 'int64' | 'double' | 'boolean' | TextScalar | 'any';
type TextScalar = 'time' | 'microTime' | 'quantity' | 'intOrString';

/** What a field holds. */
export type FieldType =
  | { readonly is: 'scalar'; readonly scalar: ScalarName }
  | { readonly is: 'list' | 'map'; readonly of: FieldType }
  | { readonly is: 'type'; readonly name: string };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly required: boolean;
}

/** `core.v1.Pod`: the name of a kind's type. */
export function typeName({ group, version, kind }: { group: string; version: string; kind: string }): string {
  return `${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
}

export const hasType = (name: string): boolean => Object.hasOwn(generated().types, name);

/** The fields of a type, in the order of their names. Throws for a name that no type has. */
export function fieldsOf(name: string): readonly Field[] {
  const { types } = generated();
  const line = Object.hasOwn(types, name) ? types[name] : undefined;
  if (line === undefined) throw new Error(`the schema has no type ${name}`);
  const entries = line === '' ? [] : line.split(' ');
  return entries.map((entry) => {
    const equals = entry.indexOf('=');
    const required = entry.endsWith('!');
    const field = entry.slice(0, equals);
    const type = parseType(entry.slice(equals + 1, required ? -1 : undefined));
    return { name: field, type: holdsQuantities(name, field) ? asQuantity(type) : type, required };
  });
}

/** The names of all types. */
export const allTypes = (): string[] => Object.keys(generated().types);

/** Changes whenever any type or description does. */
export const schemaDigest = (): string => generated().digest;

/** The texts of all types: under '' what the type is, under a field's name what that is. Not kept: large, and rarely wanted. */
export function readDescriptions(): Readonly<Record<string, Readonly<Record<string, string>>>> {
  return JSON.parse(read('descriptions.json'));
}

interface Generated {
  readonly digest: string;
  readonly types: Readonly<Record<string, string>>;
}

let loaded: Generated | undefined;

function generated(): Generated {
  loaded ??= JSON.parse(read('types.json')) as Generated;
  return loaded;
}

function read(file: string): string {
  const url = new URL(file, directory);
  try {
    return readFileSync(url, 'utf8');
  } catch (error) {
    const why = `the schema of the API cannot be read (${url.pathname}): please run \`sh compose/setup.sh\`, which makes it`;
    throw new Error(why, { cause: error });
  }
}

const scalars: ReadonlySet<string> = new Set([
  ...['string', 'bytes', 'int32', 'int64', 'double', 'boolean', 'time', 'microTime', 'quantity', 'intOrString', 'any'],
]);
const isScalar = (text: string): text is ScalarName => scalars.has(text);

function parseType(text: string): FieldType {
  if (text.startsWith('[]')) return { is: 'list', of: parseType(text.slice(2)) };
  if (text.startsWith('{}')) return { is: 'map', of: parseType(text.slice(2)) };
  return isScalar(text) ? { is: 'scalar', scalar: text } : { is: 'type', name: text };
}

function asQuantity(type: FieldType): FieldType {
  return type.is === 'list' || type.is === 'map'
    ? { is: type.is, of: asQuantity(type.of) }
    : { is: 'scalar', scalar: 'quantity' };
}
