/** A server of its own that an APIService names: the connections to it, and what it says of itself. */
import { Agent, request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import type { Kind } from '../../../api/kinds.ts';
import type { APIService } from '../../../api/types.ts';
import type { UserInfo } from '../../registry/context.ts';
import type { DialService } from '../../webhooks/client.ts';

/** PEM: by which others know this server as their front proxy. */
export interface ProxyCertificate {
  readonly cert: string;
  readonly key: string;
}

/** What a server says of how its group version looks. */
export interface RemoteDocument {
  /** The path of the OpenAPI 3 document on that server, with a query; undefined where it has none. */
  readonly v3: string | undefined;
  /** Paths and definitions of its OpenAPI 2, those of the group version alone; undefined where it has none. */
  readonly v2: Readonly<Record<string, unknown>> | undefined;
}

const askTimeoutMs = 5_000;
const maxDocumentBytes = 32 * 1024 * 1024;

export class Remote {
  readonly name: string;
  readonly spec: NonNullable<APIService['spec']>;
  readonly origin: string;
  readonly agent: Agent;
  /** What it serves, as it said last. */
  kinds: readonly Kind[] = [];
  available = false;
  /** How what it serves looks; undefined when it has not said so. */
  document: RemoteDocument | undefined;

  constructor(name: string, spec: Remote['spec'], dial: DialService, client: ProxyCertificate | undefined) {
    const { namespace = '', name: service = '', port = 443 } = spec.service ?? {};
    const servername = `${service}.${namespace}.svc`;
    this.name = name;
    this.spec = spec;
    this.origin = `https://${servername}:${port}`;
    this.agent = new Agent({ keepAlive: true });
    const trust = {
      ...(spec.caBundle && { ca: Buffer.from(spec.caBundle, 'base64') }),
      rejectUnauthorized: spec.insecureSkipTLSVerify !== true,
    };
    this.agent.createConnection = (_options, created) => {
      dial({ namespace, name: service, port }).then(
        (socket) => created?.(null, connectTls({ socket, servername, ...trust, ...client })),
        (error: Error) => created?.(error, undefined as never),
      );
      return undefined;
    };
  }

  get group(): string {
    return this.spec.group ?? '';
  }

  get version(): string {
    return this.spec.version ?? '';
  }

  /** The JSON of a document, asked for as the aggregator itself. Rejects for any answer but 200. */
  ask(path: string): Promise<unknown> {
    const url = this.origin + path;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = {
      accept: 'application/json',
      ...identity({ name: 'system:kube-aggregator', groups: ['system:masters'] }),
    };
    const signal = AbortSignal.timeout(askTimeoutMs);
    const asked = request(url, { agent: this.agent, headers, signal }, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > maxDocumentBytes) asked.destroy(new Error('the document is too long'));
      });
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`bad status from ${url}: ${answer.statusCode}`));
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.on('error', reject);
    asked.end();
    return promise;
  }
}

/** The headers by which a front proxy says for whom it asks. */
export function identity({ name, uid, groups, extra = {} }: UserInfo): Record<string, string | string[]> {
  const extras = Object.entries(extra).map(([key, values]): [string, string[]] => [
    `X-Remote-Extra-${encodeURIComponent(key)}`,
    [...values],
  ]);
  return {
    'X-Remote-User': name,
    ...(uid && { 'X-Remote-Uid': uid }),
    'X-Remote-Group': [...groups],
    ...Object.fromEntries(extras),
  };
}
