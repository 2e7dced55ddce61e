/**
 * The small server that every component has beside its work: /healthz, /livez, /readyz, /metrics, /configz, and what else a
 * component shows of itself. It answers GET only and changes nothing.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { aborted } from './clock.ts';

/** Throws, or rejects, when unhealthy: the message is shown. */
export type Check = () => void | Promise<void>;

export interface HealthServerOptions {
  host?: string;
  /** 0 takes a free one. */
  port: number;
  /** PEM texts; without them the server speaks plain HTTP. */
  tls?: { cert: string; key: string };
  healthz?: Check;
  readyz?: Check;
  /** The settings in force. */
  configz?: () => unknown;
  metrics?: Registry;
  /** More paths, each answering JSON. */
  extra?: Record<string, () => unknown>;
}

/** Listens until the signal is aborted. Rejects when the port cannot be had. */
export async function startHealthServer(options: HealthServerOptions, signal: AbortSignal): Promise<{ port: number }> {
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response, options).catch((error: unknown) => reply(response, 500, String(error)));
  };
  const server: Server = options.tls ? createHttpsServer(options.tls, onRequest) : createHttpServer(onRequest);
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port, options.host ?? '0.0.0.0', resolve);
  await listening;
  void aborted(signal).then(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: HealthServerOptions): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  if (request.method !== 'GET' && request.method !== 'HEAD') return reply(response, 405, 'method not allowed');
  switch (path) {
    case '/healthz':
    case '/livez':
      return replyCheck(response, options.healthz);
    case '/readyz':
      return replyCheck(response, options.readyz ?? options.healthz);
    case '/metrics':
      if (!options.metrics) break;
      return reply(response, 200, await options.metrics.metrics(), options.metrics.contentType);
    case '/configz':
      if (!options.configz) break;
      return replyJson(response, options.configz());
    default: {
      const extra = options.extra?.[path];
      if (extra) return replyJson(response, extra());
    }
  }
  reply(response, 404, '404 page not found');
}

async function replyCheck(response: ServerResponse, check: Check | undefined): Promise<void> {
  try {
    await check?.();
    reply(response, 200, 'ok');
  } catch (error) {
    reply(response, 500, error instanceof Error ? error.message : String(error));
  }
}

function replyJson(response: ServerResponse, value: unknown): void {
  reply(response, 200, `${JSON.stringify(value)}\n`, 'application/json');
}

function reply(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' }).end(text);
}
