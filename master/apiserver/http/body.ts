/**
 * Request bodies: read within a limit, and decoded by content type. Everything that can be wrong with one is a Status of
 * 400, 413 or 415; nothing is ever thrown at the process.
 */
import type { IncomingMessage } from 'node:http';
import { LineCounter, parseDocument } from 'yaml';
import { badRequest, statusError } from '../../api/errors.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Patch } from '../registry/context.ts';
import { duplicateFields } from './duplicate-fields.ts';
import { jsonSyntaxError } from './json-syntax.ts';
import { decodeProtobuf, protobufType } from './protobuf/decode.ts';

/** As Kubernetes: 3 MiB, because etcd takes requests of 1.5 MiB and JSON may shrink on the way. */
export const bodyLimitBytes = 3 * 1024 * 1024;

/** Above the limit, as much is still read and thrown away, so that the client gets to read its 413. */
const discardedBytes = 4 * bodyLimitBytes;

/** The whole body; 413 when it is too large. */
export function readBody(request: IncomingMessage, limitBytes = bodyLimitBytes): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limitBytes + discardedBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limitBytes) {
        chunks.push(chunk);
        return;
      }
      chunks = [];
      if (size <= limitBytes + discardedBytes) return;
      request.off('data', onData);
      request.pause();
      reject(tooLarge(limitBytes));
    };
    request.on('data', onData);
    request.on('end', () => {
      if (size > limitBytes) reject(tooLarge(limitBytes));
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    request.on('error', (error) => reject(badRequest(`unable to read the request's body: ${error.message}`)));
    request.on('close', () => {
      if (!request.complete) reject(badRequest('unexpected EOF'));
    });
  });
}

const patchTypes: Record<string, Patch['type']> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
};

const objectTypes = ['application/json', 'application/yaml', protobufType];

/** The media type without parameters; '' when there is none. */
export function mediaType(contentType: string | undefined): string {
  if (contentType === undefined) return '';
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/** What reading a body brings to light beside its value. Given: somebody wants to know. */
export interface Notes {
  /** Fields that the text has twice, as messages. */
  duplicateFields?: readonly string[];
}

/** The content type of server-side apply. JSON is YAML too. */
export const applyType = 'application/apply-patch+yaml';

/** The configuration in the body of a server-side apply, which must say what it is. */
export function decodeApply(body: Buffer, expected: Expected, notes?: Notes): KubeObject {
  const value = fromYaml(body, (why) => `error decoding YAML: ${why}`, notes);
  if (!isRecord(value)) throw badRequest('error decoding YAML: the body must be an object');
  for (const field of ['apiVersion', 'kind'] as const) {
    if (typeof value[field] !== 'string') throw badRequest(`error decoding YAML: Object '${field}' is missing`);
  }
  if (value.apiVersion !== expected.apiVersion) {
    const versions = `Specified patch version: ${value.apiVersion}, expected: ${expected.apiVersion}`;
    throw badRequest(`Incorrect version specified in apply patch. ${versions}`);
  }
  return checkType(value, expected);
}

/**
 * The body of a PATCH, whose content type says how it is meant. The messages are those of Kubernetes' three patchers, which
 * differ in what they begin with.
 */
export function decodePatch(contentType: string | undefined, body: Buffer, notes?: Notes): Patch {
  const type = patchTypes[mediaType(contentType)];
  if (type === undefined) throw unsupported([...Object.keys(patchTypes), applyType]);
  const said = (why: string): string => (type === 'strategic' ? why : `error decoding patch: ${why}`);
  const patch = parseJson(body, said, notes);
  if (type === 'json') return { type, patch: operationsOf(patch, said, notes) };
  if (!isRecord(patch)) {
    throw badRequest(said(`json: cannot unmarshal ${goTypeOf(patch)} into Go value of type map[string]interface {}`));
  }
  return { type, patch };
}

const operationFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/** A JSON patch's operations, each an object whose texts are texts; what they lack is for the patch's application to say. */
function operationsOf(patch: unknown, said: (why: string) => string, notes?: Notes): unknown[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) {
    throw badRequest(said(`json: cannot unmarshal ${goTypeOf(patch)} into Go value of type []handlers.jsonPatchOp`));
  }
  const unknown: string[] = [];
  for (const [index, operation] of patch.entries()) {
    if (!isRecord(operation)) {
      if (operation === null) continue;
      throw badRequest(
        said(`json: cannot unmarshal ${goTypeOf(operation)} into Go value of type handlers.jsonPatchOp`),
      );
    }
    for (const field of ['op', 'path', 'from']) {
      const held = operation[field] ?? '';
      if (typeof held === 'string') continue;
      const place = `Go struct field jsonPatchOp.${field} of type string`;
      throw badRequest(said(`json: cannot unmarshal ${goTypeOf(held)} into ${place}`));
    }
    for (const field of Object.keys(operation)) {
      if (!operationFields.has(field)) unknown.push(`json patch unknown field "[${index}].${field}"`);
    }
  }
  if (notes) {
    const twice = (notes.duplicateFields ?? []).map((message) => `json patch ${message}`);
    notes.duplicateFields = [...twice, ...unknown];
  }
  return patch;
}

/** What the body should hold, for messages and for what the body leaves unsaid. */
export interface Expected {
  readonly kind: string;
  readonly apiVersion: string;
  /** For kinds that every group has, such as DeleteOptions: any apiVersion will do. */
  readonly anyVersion?: boolean;
}

/**
 * The object in a body. `kind` and `apiVersion` may be left out, and are filled in; said, they must be the expected ones.
 */
export function decodeObject(
  contentType: string | undefined,
  body: Buffer,
  expected: Expected,
  notes?: Notes,
): KubeObject {
  const type = mediaType(contentType);
  let value: unknown;
  const why = (reason: string): string =>
    `the object provided is unrecognized (must be of type ${expected.kind}): couldn't get version/kind; ${reason} (${summary(body)})`;
  if (type === '' || type === 'application/json') {
    value = parseJson(body, (reason) => why(`json parse error: ${reason}`), notes);
  } else if (type === 'application/yaml') {
    value = fromYaml(body, (reason) => why(`yaml: ${reason}`), notes);
  } else if (type === protobufType) {
    value = fromProtobuf(body, (reason) => why(`protobuf: ${reason}`));
  } else {
    throw unsupported(objectTypes);
  }
  if (!isRecord(value)) {
    const found = `json: cannot unmarshal ${goTypeOf(value)} into Go value of type `;
    throw badRequest(
      why(
        `json parse error: ${found}struct { APIVersion string "json:"apiVersion,omitempty""; Kind string "json:"kind,omitempty"" }`,
      ),
    );
  }
  return checkType(value, expected);
}

const summaryBytes = 30;

/** The beginning of a body that nobody can make sense of: as it is where it looks like JSON, otherwise in hexadecimal. */
function summary(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const shown = body.subarray(0, summaryBytes).toString(body[0] === '{'.charCodeAt(0) ? 'utf8' : 'hex');
  return body.length > summaryBytes ? `${shown} ...` : shown;
}

/** A body that may be missing: DeleteOptions. */
export function decodeOptional(
  contentType: string | undefined,
  body: Buffer,
  expected: Expected,
): KubeObject | undefined {
  return body.length === 0 ? undefined : decodeObject(contentType, body, expected);
}

function checkType(value: Record<string, unknown>, expected: Expected): KubeObject {
  const { kind, apiVersion, metadata } = value;
  if (kind !== undefined && kind !== '' && kind !== expected.kind) {
    throw badRequest(
      `${String(kind)} in version ${JSON.stringify(versionOf(apiVersion ?? expected.apiVersion))} cannot be handled as a ${expected.kind}`,
    );
  }
  if (!expected.anyVersion && apiVersion !== undefined && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  if (metadata !== undefined && metadata !== null && !isRecord(metadata)) {
    throw badRequest(
      `${expected.kind} in version ${JSON.stringify(versionOf(expected.apiVersion))} cannot be handled as a ${expected.kind}: json: cannot unmarshal ${goTypeOf(metadata)} into Go struct field ${expected.kind}.metadata of type v1.ObjectMeta`,
    );
  }
  return { ...value, kind: expected.kind, apiVersion: expected.apiVersion };
}

function parseJson(body: Buffer, message: (why: string) => string, notes?: Notes): unknown {
  if (body.length === 0) throw badRequest(message('unexpected end of JSON input'));
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badRequest(message(jsonSyntaxError(text, String(error))));
  }
  try {
    if (notes) notes.duplicateFields = duplicateFields(text, value);
  } catch (error) {
    // The stack's end; Go's decoder has a limit too.
    if (error instanceof RangeError) throw badRequest(message('exceeded max depth'));
    throw error;
  }
  return value;
}

function fromYaml(body: Buffer, message: (why: string) => string, notes?: Notes): unknown {
  const lines = new LineCounter();
  const text = body.toString('utf8');
  try {
    const document = parseDocument(text, {
      ...{ version: '1.1', merge: true, logLevel: 'error', prettyErrors: false },
      lineCounter: lines,
    });
    const twice = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
    for (const error of document.errors) if (!twice.includes(error)) throw error;
    const messages = twice.map(({ pos: [at] }) => {
      const key = /^[^:\s]*/.exec(text.slice(at))?.[0];
      return `yaml: unmarshal errors:\n  line ${lines.linePos(at).line}: key "${key}" already set in map`;
    });
    if (notes) notes.duplicateFields = messages;
    return document.toJS();
  } catch (error) {
    throw badRequest(message(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)));
  }
}

function fromProtobuf(body: Buffer, message: (why: string) => string): unknown {
  try {
    const { kind, apiVersion, object } = decodeProtobuf(body);
    return { kind, apiVersion, ...object };
  } catch (error) {
    throw badRequest(message(error instanceof Error ? error.message : String(error)));
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What Go's decoder calls the type of a JSON value. */
function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function versionOf(apiVersion: unknown): string {
  const text = String(apiVersion);
  return text.slice(text.indexOf('/') + 1);
}

const unsupported = (types: readonly string[]) =>
  statusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${types.join(', ')}`,
  );

const tooLarge = (limitBytes: number) =>
  statusError('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
