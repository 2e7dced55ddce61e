/**
 * The schemas of OpenAPI documents, written from the schema of the API: the types of the given kinds, and all that these
 * hold. The documents of OpenAPI 2 and 3 differ in how they refer to a type and in what they call the place.
 */
import { atomicMaps, listMerge } from '../../registry/schema/facts.ts';
import { type Field, type FieldType, fieldsOf, hasType, type ScalarName } from '../../registry/schema/types.ts';

export type Json = Record<string, unknown>;
export type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The group, version and kind that an object of a type may say it is. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export type Form = 'v2' | 'v3';

/** Types by their names, such as `core.v1.Pod`, with the kinds that they stand for. */
export type Roots = ReadonlyMap<string, readonly GroupVersionKind[]>;

export function schemasOf(roots: Roots, form: Form, texts: Texts): Record<string, Json> {
  const writer = new Schemas(form, texts);
  for (const name of roots.keys()) writer.add(name);
  const named = [...writer.written].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    named.map(([name, schema]) => {
      const kinds = roots.get(name);
      return [
        openApiName(name),
        kinds && kinds.length > 0 ? { ...schema, 'x-kubernetes-group-version-kind': kinds } : schema,
      ];
    }),
  );
}

/** A reference to a type. */
export function refTo(name: string, form: Form): Json {
  return { $ref: `#/${form === 'v2' ? 'definitions' : 'components/schemas'}/${openApiName(name)}` };
}

/** What the name of a custom resource's type begins with here; what follows is its name in the documents. */
export const customMark = 'custom:';

export const isCustomType = (name: string): boolean => name.startsWith(customMark);

/** `io.k8s.api.core.v1.Pod` */
function openApiName(name: string): string {
  if (isCustomType(name)) return name.slice(customMark.length);
  const group = name.slice(0, name.indexOf('.'));
  return `${places[group] ?? 'io.k8s.api'}.${name}`;
}

/** Where the types of a group stand in Kubernetes' source, where it is not with the others. */
const places: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis',
  api: 'io.k8s.apimachinery.pkg',
  util: 'io.k8s.apimachinery.pkg',
};

/** Texts with a meaning are types of their own. */
const textTypes: Readonly<Record<string, { name: string; schema: Record<Form, Json>; description: string }>> = {
  time: {
    name: 'meta.v1.Time',
    schema: both({ type: 'string', format: 'date-time' }),
    description: 'Time is a point in time in the form of RFC 3339.',
  },
  microTime: {
    name: 'meta.v1.MicroTime',
    schema: both({ type: 'string', format: 'date-time' }),
    description: 'MicroTime is a point in time in the form of RFC 3339, with microseconds.',
  },
  quantity: {
    name: 'api.resource.Quantity',
    schema: { v2: { type: 'string' }, v3: { oneOf: [{ type: 'string' }, { type: 'number' }] } },
    description: 'Quantity is a number with a suffix, such as 100m, 1.5, 128Mi or 2e3.',
  },
  intOrString: {
    name: 'util.intstr.IntOrString',
    schema: {
      v2: { type: 'string', format: 'int-or-string' },
      v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    },
    description: 'IntOrString is a whole number or a text.',
  },
};

function both(schema: Json): Record<Form, Json> {
  return { v2: schema, v3: schema };
}

const plain: Readonly<Partial<Record<ScalarName, Json>>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  any: {},
};

class Schemas {
  readonly written = new Map<string, Json>();
  readonly #form: Form;
  readonly #texts: Texts;

  constructor(form: Form, texts: Texts) {
    this.#form = form;
    this.#texts = texts;
  }

  /** Writes a type and all that it holds, once. */
  add(name: string): void {
    if (this.written.has(name) || !hasType(name)) return;
    const schema: Json = {};
    this.written.set(name, schema);
    const fields = fieldsOf(name);
    const description = this.#texts[name]?.[''];
    if (description) schema.description = description;
    schema.type = 'object';
    const required = fields.filter((field) => field.required).map((field) => field.name);
    if (required.length > 0) schema.required = required;
    if (fields.length > 0) {
      schema.properties = Object.fromEntries(fields.map((field) => [field.name, this.#property(name, field)]));
    }
    if (atomicMaps.has(name)) schema['x-kubernetes-map-type'] = 'atomic';
  }

  #property(type: string, field: Field): Json {
    const schema = this.#typed(field.type);
    const description = this.#texts[type]?.[field.name];
    // Beside a reference nothing else may stand in OpenAPI 3.
    const wrapped = this.#form === 'v3' && '$ref' in schema ? { allOf: [schema] } : schema;
    return { ...(description && { description }), ...wrapped, ...this.#merge(type, field) };
  }

  #typed(type: FieldType): Json {
    switch (type.is) {
      case 'list':
        return { type: 'array', items: this.#typed(type.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#typed(type.of) };
      case 'type':
        this.add(type.name);
        return refTo(type.name, this.#form);
      case 'scalar':
        return this.#scalar(type.scalar);
    }
  }

  #scalar(scalar: ScalarName): Json {
    const text = textTypes[scalar];
    if (!text) return { ...plain[scalar] };
    this.written.set(text.name, { description: text.description, ...text.schema[this.#form] });
    return refTo(text.name, this.#form);
  }

  #merge(type: string, { name, type: held }: Field): Json {
    if (held.is === 'map') return atomicMaps.has(`${type}.${name}`) ? { 'x-kubernetes-map-type': 'atomic' } : {};
    if (held.is !== 'list') return {};
    const { patchKey, retainKeys, listKeys } = listMerge(type, name) ?? {};
    const isSet = listKeys?.[0] === '*';
    return {
      'x-kubernetes-list-type': listKeys === undefined ? 'atomic' : isSet ? 'set' : 'map',
      ...(listKeys && !isSet && { 'x-kubernetes-list-map-keys': listKeys }),
      ...(patchKey && { 'x-kubernetes-patch-strategy': retainKeys ? 'merge,retainKeys' : 'merge' }),
      ...(patchKey && patchKey !== '*' && { 'x-kubernetes-patch-merge-key': patchKey }),
    };
  }
}
