/** One request on its way through the server: who asks, for what, and where the answer goes. */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { badRequest } from '../../api/errors.ts';
import { fenceHeader, parseFence } from '../../api/fence.ts';
import type { AuditRecord } from '../audit/trail.ts';
import type { Ticket } from '../flowcontrol/flow-control.ts';
import type { RequestContext, UserInfo } from '../registry/context.ts';
import type { WriteOptions } from './list-options.ts';
import { negotiate, type Representation } from './negotiate.ts';
import type { RequestInfo } from './request-info.ts';
import type { Answer } from './respond.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: Answer;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  /** Aborted when the client has gone, the request's time is over, or the server gives up waiting for it. */
  readonly abort: AbortController;
  /** Given: the request is recorded in the audit log. */
  readonly audit?: AuditRecord | undefined;
  /** The seats that the request has; streams have none. */
  readonly ticket?: Ticket | undefined;
}

/** A route: answers the exchange or throws a StatusError. */
export type Handler = (exchange: Exchange) => void | Promise<void>;

const readOptions: WriteOptions = { dryRun: false, fieldManager: undefined, fieldValidation: 'Ignore' };

/** What the registry needs to know of a request. */
export function contextOf(exchange: Exchange, options: WriteOptions = readOptions): RequestContext {
  const context: { -readonly [Key in keyof RequestContext]: RequestContext[Key] } = {
    user: exchange.user,
    dryRun: options.dryRun,
    fieldValidation: options.fieldValidation,
    warnings: [],
    signal: exchange.abort.signal,
  };
  const manager = options.fieldManager ?? agentOf(exchange.request.headers['user-agent']);
  if (manager !== undefined) context.fieldManager = manager;
  if (exchange.audit) context.auditAnnotations = exchange.audit.annotations;
  const fence = exchange.request.headers[fenceHeader];
  if (typeof fence === 'string') {
    try {
      context.fence = parseFence(fence);
    } catch (error) {
      throw badRequest(error instanceof Error ? error.message : String(error));
    }
  }
  return context;
}

/** Who does not say as whom it manages fields is known by its program's name. */
const agentOf = (userAgent: string | undefined): string | undefined =>
  userAgent?.split('/', 1)[0]?.slice(0, 128) || undefined;

export const representationOf = (exchange: Exchange, choose = negotiate): Representation =>
  choose(exchange.request.headers.accept);

/** The namespace that the path names; undefined for all of them. */
export const namespaceOf = (exchange: Exchange): string | undefined => exchange.info.namespace || undefined;

/** The connection as what it is here: the server speaks TLS only. */
export const tlsSocketOf = (request: IncomingMessage): TLSSocket => request.socket as TLSSocket;
