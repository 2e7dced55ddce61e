/**
 * /openapi/v2 and /openapi/v3: documents made when first asked for, with hashes so that clients cache them for good. A hash
 * is of what a document is made from, so that naming it costs nothing. What other servers serve is theirs to describe.
 */
import { createHash } from 'node:crypto';
import { statusError } from '../../../api/errors.ts';
import type { Kind } from '../../../api/kinds.ts';
import { readDescriptions, schemaDigest } from '../../registry/schema/types.ts';
import { type AggregatedDocument, mergeV2 } from '../aggregation/openapi.ts';
import type { Exchange, Handler } from '../exchange.ts';
import { mediaRanges } from '../negotiate.ts';
import { sendBytes, sendJson } from '../respond.ts';
import { version } from '../version.ts';
import { documentName, openApiV2, openApiV3 } from './documents.ts';
import { encodeDocument, openApiProtobufTypes } from './protobuf.ts';
import type { Json, Texts } from './schemas.ts';

export function openApiRoutes(
  kinds: readonly Kind[],
  others: readonly AggregatedDocument[] = [],
): Map<string, Handler> {
  const routes = new Map<string, Handler>();
  const names = new Map<string, Kind[]>();
  for (const kind of kinds) names.set(documentName(kind), [...(names.get(documentName(kind)) ?? []), kind]);

  const documents = new Map<string, () => Document>();
  for (const [name, members] of names)
    documents.set(
      name,
      once(() => documentOf(name, members, (texts) => json(openApiV3(members, texts)))),
    );
  const theirs = others.flatMap(({ v2: part }) => (part ? [part] : []));
  const whole = (texts: Texts): Json => theirs.reduce(mergeV2, openApiV2(kinds, texts));
  const v2Of = [kinds, theirs];
  const v2 = once(() => documentOf('v2', v2Of, (texts) => json(whole(texts))));
  const v2Protobuf = once(() =>
    documentOf('v2.protobuf', v2Of, (texts) => encodeDocument(whole(texts)), openApiProtobufTypes[0]),
  );

  routes.set('/openapi/v2', (exchange) => {
    const wanted = accepted(exchange, ['application/json', ...openApiProtobufTypes]);
    send(exchange, wanted === 'application/json' ? v2() : v2Protobuf());
  });
  const described = others.filter(({ v3 }) => v3 !== undefined);
  for (const { name, handler } of described) routes.set(`/openapi/v3/${name}`, handler);
  routes.set('/openapi/v3', ({ response }) => {
    const paths = [...documents].map(([name, document]) => [
      name,
      { serverRelativeURL: `/openapi/v3/${name}?hash=${document().hash}` },
    ]);
    const elsewhere = described.map(({ name, v3 }) => [name, { serverRelativeURL: v3 }]);
    sendJson(response, 200, { paths: Object.fromEntries([...elsewhere, ...paths]) });
  });
  for (const [name, document] of documents) {
    routes.set(`/openapi/v3/${name}`, (exchange) => {
      accepted(exchange, ['application/json']);
      const asked = exchange.info.query.get('hash');
      if (asked !== null && asked !== document().hash) {
        exchange.response.writeHead(301, { Location: `/openapi/v3/${name}?hash=${document().hash}` });
        exchange.response.end();
        return;
      }
      send(exchange, document(), asked !== null);
    });
  }
  return routes;
}

interface Document {
  readonly hash: string;
  readonly type: string;
  readonly bytes: () => Buffer;
}

const json = (document: unknown): Buffer => Buffer.from(JSON.stringify(document));

function documentOf(
  name: string,
  madeOf: unknown,
  write: (texts: Texts) => Buffer,
  type = 'application/json',
): Document {
  const sources = JSON.stringify([name, version, schemaDigest(), madeOf]);
  return {
    hash: createHash('sha512').update(sources).digest('hex').toUpperCase(),
    type,
    bytes: once(() => write(readDescriptions())),
  };
}

function send({ request, response }: Exchange, { bytes, hash, type }: Document, forGood = false): void {
  response.setHeader('ETag', `"${hash}"`);
  response.setHeader('Vary', 'Accept');
  if (request.headers['if-none-match'] === `"${hash}"`) {
    response.writeHead(304);
    response.end();
    return;
  }
  const content = bytes();
  sendBytes(response, 200, type, content, forGood ? 'public, immutable' : undefined);
}

/** Which of the types the client wants most. */
function accepted({ request }: Exchange, types: readonly [string, ...string[]]): string {
  const { accept } = request.headers;
  if (accept === undefined || accept === '') return types[0];
  for (const { type } of mediaRanges(accept)) {
    if (types.includes(type)) return type;
    if (type === '*/*' || type === 'application/*') return types[0];
  }
  throw statusError('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
