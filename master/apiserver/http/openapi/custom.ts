/** The schemas of custom resources in OpenAPI documents: what their definitions say, completed by what every object has. */
import type { Kind } from '../../../api/kinds.ts';
import { type CustomKind, isCustomKind } from '../../registry/custom/strategy.ts';
import { isRecord } from '../../registry/schema/shape.ts';
import { customMark, type Form, type Json, refTo } from './schemas.ts';

/** `custom:com.example.v1.Widget`: Kubernetes turns the group around. */
export function customTypeName({ group, version }: Kind, name: string): string {
  return `${customMark}${group.split('.').reverse().join('.')}.${version}.${name}`;
}

/** The types of the custom resources among the kinds, and of their lists. */
export function customSchemas(kinds: readonly Kind[], form: Form): Record<string, Json> {
  return Object.fromEntries(kinds.filter(isCustomKind).flatMap((kind) => schemasOf(kind, form)));
}

const apiVersion = {
  type: 'string',
  description:
    'APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources',
};
const kindText = {
  type: 'string',
  description:
    'Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds',
};
const metadataText =
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

function schemasOf(kind: CustomKind, form: Form): [string, Json][] {
  const listKind = kind.listKind ?? `${kind.kind}List`;
  const nameOf = (name: string): string => customTypeName(kind, name).slice(customMark.length);
  const said = isRecord(kind.custom.schema) ? kind.custom.schema : {};
  const own = form === 'v2' ? forV2(said) : said;
  const metadata = (type: string): Json => {
    const reference = refTo(type, form);
    return { description: metadataText, ...(form === 'v3' ? { allOf: [reference] } : reference) };
  };
  const properties = isRecord(own.properties) ? own.properties : {};
  const object: Json = {
    ...own,
    type: 'object',
    properties: { ...properties, apiVersion, kind: kindText, metadata: metadata('meta.v1.ObjectMeta') },
    ...groupVersionKinds(kind, kind.kind),
  };
  const list: Json = {
    description: `${listKind} is a list of ${kind.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion,
      kind: kindText,
      metadata: metadata('meta.v1.ListMeta'),
      items: {
        description: `List of ${kind.resource}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
        type: 'array',
        items: refTo(customTypeName(kind, kind.kind), form),
      },
    },
    ...groupVersionKinds(kind, listKind),
  };
  return [
    [nameOf(kind.kind), object],
    [nameOf(listKind), list],
  ];
}

const groupVersionKinds = ({ group, version }: Kind, kind: string): Json => ({
  'x-kubernetes-group-version-kind': [{ group, kind, version }],
});

/** What OpenAPI 2 does not have. */
const onlyV3 = new Set(['anyOf', 'oneOf', 'not', 'allOf', 'nullable', 'x-kubernetes-validations']);

/** The same for OpenAPI 2; a value that may be null too has no type there. */
function forV2(schema: Json): Json {
  const kept = Object.entries(schema).filter(([name]) => !onlyV3.has(name) && !(name === 'type' && schema.nullable));
  return Object.fromEntries(
    kept.map(([name, value]) => {
      if (name === 'properties' && isRecord(value)) {
        const inner = Object.entries(value).map(([key, held]) => [key, isRecord(held) ? forV2(held) : held]);
        return [name, Object.fromEntries(inner)];
      }
      if ((name === 'items' || name === 'additionalProperties') && isRecord(value)) return [name, forV2(value)];
      return [name, value];
    }),
  );
}
