/**
 * The client of the API that every component of Trimaster uses: typed by resource name, one connection pool, several servers.
 * Reads, patches and deletions also take the row of any kind, for those that look after objects of every kind.
 *
 * Objects go out and come in as JSON. A failed request throws a StatusError (the server answered) or ApiUnreachable (none did).
 */
import type { ClientConfig } from './config.ts';
import { type Fence, fenceHeader, formatFence } from './fence.ts';
import { apiVersionOf, groupVersionPath, type Kind, kinds } from './kinds.ts';
import { type ApiRequest, Transport } from './transport.ts';
import type { DeleteOptions, KubeObject, ObjectList, ResourceName, ResourceTypes, WatchEvent } from './types.ts';

export { ApiUnreachable } from './transport.ts';

export interface ObjectName {
  namespace?: string;
  name: string;
}

/** What selects objects for a list; without a namespace, all namespaces. */
export interface Selection {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface ListOptions extends Selection {
  limit?: number;
  continue?: string;
  resourceVersion?: string;
}

export interface WatchOptions extends Selection {
  resourceVersion: string;
  timeoutSeconds?: number;
}

export interface WriteOptions {
  subresource?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** The write compares what it replaces, so another server may be asked when one does not answer. */
  repeatable?: boolean;
}

/** As fresh as the version says; without one, as fresh as can be. */
export interface GetOptions {
  /** What is read is this part of the object. */
  subresource?: string;
  resourceVersion?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
}

export type PatchOptions = WriteOptions & { type: keyof typeof patchTypes };

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

type Query = Record<string, string | number | boolean | undefined>;

export class Client {
  readonly #transport: Transport;
  readonly #fence: Fence | undefined;
  readonly #onWritten: (() => void) | undefined;

  constructor(
    config: ClientConfig | Transport,
    options: { userAgent?: string; timeoutMs?: number; fence?: Fence; onWritten?: () => void } = {},
  ) {
    this.#transport = config instanceof Transport ? config : new Transport(config, options);
    this.#fence = options.fence;
    this.#onWritten = options.onWritten;
  }

  /**
   * The same client, whose writes the API server refuses with 409 once the fence's generation has passed. `onWritten` is
   * called after each that was accepted.
   */
  fenced(fence: Fence, onWritten?: () => void): Client {
    return new Client(this.#transport, { fence, onWritten });
  }

  async get<R extends ResourceName>(resource: R, name: ObjectName, options?: GetOptions): Promise<ResourceTypes[R]>;
  async get(resource: ResourceName | Kind, name: ObjectName, options?: GetOptions): Promise<KubeObject>;
  async get(resource: ResourceName | Kind, name: ObjectName, options: GetOptions = {}): Promise<KubeObject> {
    const { resourceVersion, subresource, ...rest } = options;
    const path = pathOf(resource, name.namespace, name.name, subresource, { resourceVersion });
    return this.#json({ method: 'GET', path, ...rest });
  }

  async list<R extends ResourceName>(
    resource: R,
    options?: ListOptions,
    signal?: AbortSignal,
  ): Promise<ObjectList<ResourceTypes[R]>>;
  async list(resource: ResourceName | Kind, options?: ListOptions, signal?: AbortSignal): Promise<ObjectList>;
  async list(resource: ResourceName | Kind, options: ListOptions = {}, signal?: AbortSignal): Promise<ObjectList> {
    const { namespace, ...query } = options;
    return this.#json({ method: 'GET', path: pathOf(resource, namespace, undefined, undefined, query), signal });
  }

  /** The namespace is the object's own. For a subresource (`binding`), the object's name says whose. */
  async create<R extends ResourceName>(
    resource: R,
    object: ResourceTypes[R],
    options: WriteOptions = {},
  ): Promise<ResourceTypes[R]> {
    const path = pathOf(resource, object.metadata?.namespace, undefined, undefined);
    return this.#write('POST', path, withKind(resource, object), options);
  }

  async update<R extends ResourceName>(
    resource: R,
    object: ResourceTypes[R],
    options: WriteOptions = {},
  ): Promise<ResourceTypes[R]> {
    const { namespace, name } = object.metadata ?? {};
    return this.#write(
      'PUT',
      pathOf(resource, namespace, name, options.subresource),
      withKind(resource, object),
      options,
    );
  }

  async patch<R extends ResourceName>(
    resource: R,
    name: ObjectName,
    patch: unknown,
    options: PatchOptions,
  ): Promise<ResourceTypes[R]>;
  async patch(resource: Kind, name: ObjectName, patch: unknown, options: PatchOptions): Promise<KubeObject>;
  async patch(
    resource: ResourceName | Kind,
    { namespace, name }: ObjectName,
    patch: unknown,
    options: PatchOptions,
  ): Promise<KubeObject> {
    const path = pathOf(resource, namespace, name, options.subresource);
    return this.#write('PATCH', path, patch, options, patchTypes[options.type]);
  }

  async delete(
    resource: ResourceName | Kind,
    { namespace, name }: ObjectName,
    options: DeleteOptions = {},
  ): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    await this.#write('DELETE', pathOf(resource, namespace, name), body, {});
  }

  /** Assigns a pod to a node. 409 if the pod is bound already or is no longer the one with this uid. */
  async bind(pod: ObjectName & { uid?: string }, node: string, options: WriteOptions = {}): Promise<void> {
    const { namespace, name, uid } = pod;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    await this.#write('POST', pathOf('pods', namespace, name, 'binding'), binding, options);
  }

  /**
   * The events after `resourceVersion`, until the server ends the watch or the signal is aborted (then it ends quietly).
   * Throws when the connection breaks, and for an answer that is an error; an ERROR event is yielded.
   */
  watch<R extends ResourceName>(
    resource: R,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<ResourceTypes[R]>[]>;
  watch(resource: ResourceName | Kind, options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchEvent[]>;
  async *watch(
    resource: ResourceName | Kind,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent[]> {
    const { namespace, ...selection } = options;
    const query = { ...selection, watch: true, allowWatchBookmarks: true };
    const path = pathOf(resource, namespace, undefined, undefined, query);
    try {
      const { body } = await this.#transport.send({ method: 'GET', path, signal });
      for await (const lines of linesOf(body)) {
        yield lines.map((line): WatchEvent => JSON.parse(line));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Any request; the answer's JSON. For what the typed calls do not cover. */
  async request(request: Omit<ApiRequest, 'body'> & { body?: unknown; contentType?: string }): Promise<unknown> {
    const { body, contentType = 'application/json', ...rest } = request;
    if (body === undefined) return this.#json(rest);
    return this.#write(rest.method, rest.path, body, rest, contentType);
  }

  /** Its API servers, the preferred first. */
  get servers(): readonly string[] {
    return this.#transport.urls;
  }

  /** Replaces them, for all that share this client's connections. */
  async setServers(urls: readonly string[]): Promise<void> {
    await this.#transport.setServers(urls);
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #write<T>(
    method: string,
    path: string,
    body: unknown,
    { signal, timeoutMs, repeatable }: WriteOptions,
    contentType = 'application/json',
  ): Promise<T> {
    const headers: Record<string, string> = { 'content-type': contentType };
    if (this.#fence) headers[fenceHeader] = formatFence(this.#fence);
    const request = { method, path, body: JSON.stringify(body), headers, signal, timeoutMs, repeatable };
    const written = await this.#json<T>(request);
    this.#onWritten?.();
    return written;
  }

  async #json<T>(request: ApiRequest): Promise<T> {
    const { body } = await this.#transport.send(request);
    // The server's word for what it sends is taken: its answers are typed by the path that was asked.
    return (await body.json()) as T;
  }
}

/** The path of a resource, an object or a subresource, with its query. */
function pathOf(
  resource: ResourceName | Kind,
  namespace?: string,
  name?: string,
  subresource?: string,
  query: Query = {},
): string {
  const kind = typeof resource === 'string' ? kinds[resource] : resource;
  const parts = [groupVersionPath(kind)];
  if (kind.namespaced && namespace) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(kind.resource);
  if (name) parts.push(encodeURIComponent(name));
  if (subresource) parts.push(subresource);
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return search.size === 0 ? parts.join('/') : `${parts.join('/')}?${search}`;
}

function withKind<R extends ResourceName>(resource: R, object: ResourceTypes[R]): KubeObject {
  const kind = kinds[resource];
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, ...object };
}

/** The lines of a stream, in batches as they arrive. */
async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest: Buffer[] = [];
  for await (const chunk of body) {
    const end = chunk.lastIndexOf(0x0a);
    if (end < 0) {
      rest.push(chunk);
      continue;
    }
    const text = Buffer.concat([...rest, chunk.subarray(0, end)]).toString('utf8');
    rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : [];
    const lines = text.split('\n').filter((line) => line !== '');
    if (lines.length > 0) yield lines;
  }
}
