/**
 * Writing answers. An answer that is an object is written from bytes wherever the store already has them; what is made
 * here (Status, lists, tables) is serialized once. Every answer has a length, so that connections are kept.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { stringify as toYaml } from 'yaml';
import type { StatusError } from '../../api/errors.ts';
import type { Status } from '../../api/types.ts';
import { gzipFromBytes, sendGzip, takesGzip } from './compress.ts';
import type { Representation } from './negotiate.ts';

/**
 * An answer with what all answers say: by which ID an audit log knows the request (with or without such a log, as in Kubernetes), and, of
 * a request that flow control knows, where it belonged.
 */
export type Answer = ServerResponse & { auditId?: string; flowHeaders?: Readonly<Record<string, string>> };

const noCache = 'no-cache, private';
const personsAgent = /^(curl|Wget|Mozilla\/5\.0)/;

/** The headers that all answers have; handed to writeHead at once, since headers that are set one by one cost it more. */
export function headersOf(
  { auditId, flowHeaders }: Answer,
  contentType: string,
  cacheControl = noCache,
): Record<string, string | number> {
  const headers: Record<string, string | number> = {
    ...flowHeaders,
    'Cache-Control': cacheControl,
    'Content-Type': contentType,
  };
  if (auditId !== undefined) headers['Audit-Id'] = auditId;
  return headers;
}

/** Sends bytes with their type. Does nothing when the request was answered meanwhile, because its time was over. */
export function sendBytes(
  response: Answer,
  code: number,
  contentType: string,
  bytes: Buffer,
  cacheControl = noCache,
): void {
  if (response.headersSent) return;
  if (bytes.length >= gzipFromBytes && takesGzip(response.req)) {
    sendGzip(response, code, headersOf(response, contentType, cacheControl), bytes);
    return;
  }
  const headers = headersOf(response, contentType, cacheControl);
  headers['Content-Length'] = bytes.length;
  response.writeHead(code, headers);
  response.end(bytes);
}

/**
 * Sends a long answer piece by piece, each when the connection has taken the one before: other requests come between, and a client that
 * reads slowly costs no more memory than one piece.
 */
export function sendPieces(response: Answer, contentType: string, length: number, pieces: Iterator<Buffer>): void {
  if (response.headersSent) return;
  const headers = headersOf(response, contentType);
  headers['Content-Length'] = length;
  response.writeHead(200, headers);
  let rest = length;
  const next = (error?: Error | null): void => {
    if (error || response.destroyed) return;
    const { value, done } = pieces.next();
    rest -= value?.length ?? 0;
    // The end goes with the last piece: by itself it would be one more write to the connection.
    if (done || rest === 0) response.end(value);
    else response.write(value, next);
  };
  next();
}

/** Sends JSON text as the representation that was asked for. */
export function sendObject(response: ServerResponse, code: number, as: Representation, json: Buffer | string): void {
  if (as.format === 'yaml') sendBytes(response, code, as.contentType, Buffer.from(yamlOf(json)));
  else sendJsonText(response, code, as.contentType, json);
}

/** Sends JSON text, over several lines where a person reads it. */
export function sendJsonText(response: ServerResponse, code: number, contentType: string, json: Buffer | string): void {
  if (wantsLines(response.req)) sendBytes(response, code, contentType, indented(JSON.parse(json.toString())));
  else sendBytes(response, code, contentType, typeof json === 'string' ? Buffer.from(json) : json);
}

/**
 * Whether the answer is read by a person, by Kubernetes' rule: `pretty` in the query says so or not (as Go's ParseBool reads it), and where it is
 * left out those who call themselves curl, Wget or a browser are taken for one.
 */
export function wantsLines({ url = '', headers }: IncomingMessage): boolean {
  const at = url.indexOf('pretty=');
  if (at !== -1) {
    const said = new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('pretty');
    if (said) return /^(1|t|T|TRUE|true|True)$/.test(said);
  }
  return personsAgent.test(headers['user-agent'] ?? '');
}

/** Sends a value as JSON. */
export function sendJson(
  response: ServerResponse,
  code: number,
  value: unknown,
  contentType = 'application/json',
): void {
  sendBytes(
    response,
    code,
    contentType,
    wantsLines(response.req) ? indented(value) : Buffer.from(JSON.stringify(value)),
  );
}

/** Sends a value as JSON over several lines, whoever reads it. */
export function sendIndented(response: ServerResponse, value: unknown): void {
  sendBytes(response, 200, 'application/json', indented(value));
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  sendBytes(response, code, 'text/plain; charset=utf-8', Buffer.from(text));
}

/** Sends an error's Status with its code, and says when to come back where the error says so. */
export function sendStatus(response: ServerResponse, status: Status): void {
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter !== undefined) response.setHeader('Retry-After', String(retryAfter));
  sendJson(response, status.code ?? 500, status);
}

/**
 * Sends an error if the answer has not begun; one that has begun cannot be taken back, so its connection is cut, which
 * tells the client that it has not the whole.
 */
export function sendError(response: ServerResponse, error: StatusError): void {
  if (response.writableEnded) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) {
    if (name === 'content-type' || name === 'content-length' || name === 'content-encoding')
      response.removeHeader(name);
  }
  // The rest of a body that was refused is not read: the connection cannot carry another request.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  sendStatus(response, error.status);
}

/** Adds one `Warning` header a message (RFC 7234, code 299), which kubectl prints, to those that there are. */
export function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  for (const text of new Set(warnings)) {
    response.appendHeader('Warning', `299 - "${printable(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  }
}

/** Header text without what a header must not hold. */
function printable(text: string): string {
  return [...text].map((character) => (/[\x20-\x7e]/.test(character) ? character : ' ')).join('');
}

const indented = (value: unknown): Buffer => Buffer.from(JSON.stringify(value, undefined, 2));

function yamlOf(json: Buffer | string): string {
  return toYaml(JSON.parse(json.toString()), { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0 });
}
