/** Objects and lists from the registry, written in the representation that the client asked for. */
import { badRequest, statusError } from '../../api/errors.ts';
import type { Status } from '../../api/types.ts';
import { scaleColumns } from '../registry/columns/scale.ts';
import type { DeleteResult, ListResult, Subresource } from '../registry/context.ts';
import type { Resource } from '../registry/resource.ts';
import type { Stored } from '../store/types.ts';
import { takesGzip } from './compress.ts';
import { type Exchange, representationOf } from './exchange.ts';
import { ListBody } from './list-body.ts';
import {
  type IncludeObject,
  listTableJson,
  metadataJson,
  metadataListJson,
  objectTableJson,
  type TableOptions,
} from './lists.ts';
import { type MetaVersion, negotiateUntabled, type Representation, type Shape } from './negotiate.ts';
import { sendObject, sendPieces, wantsLines } from './respond.ts';

/** Longer lists are handed to the connection piece by piece. */
const piecesFromBytes = 64 * 1024;

export function sendStored(
  exchange: Exchange,
  resource: Resource,
  code: number,
  stored: Stored,
  part?: Subresource,
): void {
  const as = resource.columns.length > 0 ? representationOf(exchange) : representationOf(exchange, negotiateUntabled);
  exchange.audit?.answered(stored.bytes);
  sendObject(exchange.response, code, as, storedText(exchange, resource, as, stored, part));
}

export function sendList(exchange: Exchange, resource: Resource, result: ListResult): void {
  const as = representationOf(exchange);
  if (as.shape === 'object') {
    sendPlainList(exchange, as, new ListBody(resource.kind, result));
    return;
  }
  const text = listText(exchange, resource, as.shape, as.version, result);
  exchange.audit?.answered(text);
  sendObject(exchange.response, 200, as, text);
}

/** What tables of this request carry; `includeObject` out of rule is 400. */
export function tableOptions(
  exchange: Exchange,
  resource: Resource,
  version: MetaVersion,
  part?: Subresource,
): TableOptions {
  const include = exchange.info.query.get('includeObject') || 'Metadata';
  if (!isInclude(include)) throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
  const columns = part === 'scale' ? scaleColumns : resource.columns;
  return { version, columns, include, now: Date.now() };
}

/** The answer to a DELETE after which the object is no more, unless the kind answers with the object itself. */
export function deletedStatus({ kind }: Resource, { object }: DeleteResult): Status {
  const { name = '', uid } = object.object.metadata ?? {};
  const details: NonNullable<Status['details']> = { name };
  if (kind.group !== '') details.group = kind.group;
  details.kind = kind.resource;
  if (uid !== undefined) details.uid = uid;
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

function storedText(
  exchange: Exchange,
  resource: Resource,
  { shape, version }: Representation,
  stored: Stored,
  part: Subresource | undefined,
): Buffer | string {
  switch (shape) {
    case 'object':
      return stored.bytes;
    case 'table':
      return `${objectTableJson(stored, tableOptions(exchange, resource, version, part))}\n`;
    case 'metadata':
      return `${metadataJson(stored, version)}\n`;
    case 'metadata-list':
      throw notAcceptable('PartialObjectMetadataList', 'not a list');
  }
}

function sendPlainList({ response, audit }: Exchange, as: Representation, body: ListBody): void {
  if (audit) audit.answered(body.whole());
  if (as.format === 'json' && body.length > piecesFromBytes && !takesGzip(response.req) && !wantsLines(response.req)) {
    sendPieces(response, as.contentType, body.length, body.pieces());
  } else sendObject(response, 200, as, body.whole());
}

function listText(
  exchange: Exchange,
  resource: Resource,
  shape: Exclude<Shape, 'object'>,
  version: MetaVersion,
  result: ListResult,
): string {
  switch (shape) {
    case 'table':
      return `${listTableJson(result, tableOptions(exchange, resource, version))}\n`;
    case 'metadata-list':
      return `${metadataListJson(result, version)}\n`;
    case 'metadata':
      throw notAcceptable('PartialObjectMetadata', 'a list');
  }
}

const notAcceptable = (asked: string, got: string) =>
  statusError('NotAcceptable', `you requested ${asked}, but the requested object is ${got}`);

const isInclude = (text: string): text is IncludeObject => text === 'None' || text === 'Metadata' || text === 'Object';
