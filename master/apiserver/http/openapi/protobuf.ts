/**
 * The protobuf form of an OpenAPI 2.0 document, which older kubectls and Go programs ask for (gnostic's `OpenAPIv2.proto`). The
 * numbers are facts of that form; what our documents do not use is not here.
 */
import { isRecord } from '../../registry/schema/shape.ts';
import type { Json } from './schemas.ts';

export const openApiProtobufTypes: readonly string[] = [
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
];

/** Encodes a whole document. */
export function encodeDocument(document: Json): Buffer {
  return Buffer.concat([
    text(1, document.swagger),
    message(2, [text(1, at(document.info, 'title')), text(2, at(document.info, 'version'))]),
    message(8, named(2, document.paths, pathItem)),
    message(9, named(1, document.definitions, schema)),
  ]);
}

const methods: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(item: Json): Buffer[] {
  return Object.entries(item).flatMap(([method, held]) => {
    const number = methods[method];
    return number === undefined || !isRecord(held) ? [] : [message(number, operation(held))];
  });
}

function operation(item: Json): Buffer[] {
  return [
    text(5, item.operationId),
    ...texts(6, item.produces),
    ...texts(7, item.consumes),
    ...records(item.parameters).map((held) => message(8, [message(1, parameter(held))])),
    message(
      9,
      named(1, item.responses, (held) => [message(1, response(held))]),
    ),
    ...extensions(13, item),
  ];
}

function parameter(item: Json): Buffer[] {
  const { name, description, required } = item;
  const place = text(item.in === 'body' ? 3 : 2, item.in);
  if (item.in === 'body') {
    return [
      message(1, [text(1, description), text(2, name), place, flag(4, required), nested(5, item.schema, schema)]),
    ];
  }
  const common = [flag(1, required), place, text(3, description), text(4, name)];
  if (item.in === 'path') return [message(2, [message(4, [...common, text(5, item.type)])])];
  return [message(2, [message(3, [...common, text(6, item.type)])])];
}

const response = (item: Json): Buffer[] => [
  text(1, item.description),
  nested(2, item.schema, (held) => [message(1, schema(held))]),
];

function schema(item: Json): Buffer[] {
  return [
    text(1, item.$ref),
    text(2, item.format),
    text(4, item.description),
    ...texts(19, item.required),
    nested(21, item.additionalProperties, (held) => [message(1, schema(held))]),
    ...(item.type === undefined ? [] : [message(22, [text(1, item.type)])]),
    nested(23, item.items, (held) => [message(1, schema(held))]),
    ...(item.properties === undefined ? [] : [message(25, named(1, item.properties, schema))]),
    ...extensions(31, item),
  ];
}

/** `x-…`: a name and the value as YAML, which JSON is. */
function extensions(number: number, item: Json): Buffer[] {
  return Object.entries(item)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => message(number, [text(1, name), message(2, [text(2, JSON.stringify(value))])]));
}

/** Entries of an object, each as a message of its name (1) and its value (2). */
function named(number: number, entries: unknown, encode: (item: Json) => Buffer[]): Buffer[] {
  if (!isRecord(entries)) return [];
  return Object.entries(entries).map(([name, held]) => message(number, [text(1, name), nested(2, held, encode)]));
}

const nothing = Buffer.alloc(0);

const nested = (number: number, held: unknown, encode: (item: Json) => Buffer[]): Buffer =>
  isRecord(held) ? message(number, encode(held)) : nothing;

function message(number: number, parts: readonly Buffer[]): Buffer {
  return delimited(number, Buffer.concat(parts));
}

const text = (number: number, value: unknown): Buffer =>
  typeof value === 'string' && value !== '' ? delimited(number, Buffer.from(value)) : nothing;

const texts = (number: number, values: unknown): Buffer[] =>
  Array.isArray(values) ? values.map((value) => text(number, value)) : [];

const flag = (number: number, value: unknown): Buffer =>
  value === true ? Buffer.from([...varint(number << 3), 1]) : nothing;

const delimited = (number: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

const at = (held: unknown, name: string): unknown => (isRecord(held) ? held[name] : undefined);

const records = (held: unknown): Json[] => (Array.isArray(held) ? held.filter(isRecord) : []);
