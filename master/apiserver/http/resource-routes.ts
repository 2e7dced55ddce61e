/**
 * The verbs on resources, for every row of the table of kinds: each reads its parameters and body, asks the registry, and
 * writes the answer in the representation that the client wants. No resource is named here.
 */
import { badRequest, methodNotAllowed, pathNotFound } from '../../api/errors.ts';
import { apiVersionOf } from '../../api/kinds.ts';
import type { DeleteOptions, KubeObject } from '../../api/types.ts';
import { type Authorizer, refusal } from '../auth/authorize.ts';
import type { ActionSubresource, ObjectName, RequestContext, Subresource } from '../registry/context.ts';
import { dryRunOf } from '../registry/deletion.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { decode } from '../registry/schema/decode.ts';
import { deleteOptionsShape } from '../registry/schema/shape.ts';
import type { Aggregated } from './aggregation/aggregation.ts';
import { deletedStatus, sendList, sendStored } from './answers.ts';
import { decodeApply, decodeOptional, decodePatch, type Expected, mediaType, readBody } from './body.ts';
import { admitConnection, isConnection } from './connection-admission.ts';
import { contextOf, type Exchange, type Handler, namespaceOf } from './exchange.ts';
import { parseDeleteOptions, parseListOptions, parsePatchOptions, parseWriteOptions } from './list-options.ts';
import { notesFor, readObject } from './read-object.ts';
import { addWarnings, sendJson } from './respond.ts';

/** A subresource that is a stream of its own (log, exec, proxy), by `<resource>/<subresource>`. */
export type ConnectHandler = (exchange: Exchange, name: ObjectName) => void | Promise<void>;

/** What may stop a write that the rules of authorization alone cannot judge, as it depends on the object. Throws. */
export type WriteGuard = (exchange: Exchange, object?: KubeObject) => Promise<void>;

export interface ResourceRoutesOptions {
  readonly registry: Registry;
  readonly watch: (exchange: Exchange, resource: Resource) => Promise<void>;
  readonly connect: ReadonlyMap<string, ConnectHandler>;
  readonly guard: WriteGuard;
  readonly authorizer: Authorizer;
  readonly aggregated: Aggregated | undefined;
}

type SubresourceRow = Resource['kind']['subresources'][number];

export function resourceRoutes(options: ResourceRoutesOptions): Handler {
  const { registry, watch, connect, guard, authorizer, aggregated } = options;
  return async (exchange) => {
    const { info } = exchange;
    const { group, version } = info;
    let resource = registry.resource(group, version, info.resource);
    if (!resource) {
      const remote = aggregated?.handlerFor(group, version);
      if (remote) return remote(exchange);
      // Another server may have begun to serve it a moment ago.
      await registry.catchUp();
      resource = registry.resource(group, version, info.resource);
      if (!resource) throw pathNotFound();
    }
    checkPath(exchange, resource);
    if (resource.kind.deprecated !== undefined) addWarnings(exchange.response, [resource.kind.deprecated]);
    if (info.method === 'HEAD' && info.subresource !== 'proxy') throw methodNotAllowed();
    if (info.subresource !== '') return subresource(exchange, resource);
    switch (info.verb) {
      case 'get':
        return get(exchange, resource);
      case 'list':
        return list(exchange, resource);
      case 'watch':
        return watch(exchange, resource);
      case 'create':
        if (info.name !== '') throw methodNotAllowed();
        return create(exchange, resource);
      case 'update':
        return update(exchange, resource);
      case 'patch':
        return patch(exchange, resource);
      case 'delete':
        return remove(exchange, resource);
      case 'deletecollection':
        return deleteCollection(exchange, resource);
      default:
        throw methodNotAllowed();
    }
  };

  async function subresource(exchange: Exchange, resource: Resource): Promise<void> {
    const { info } = exchange;
    const row = resource.kind.subresources.find(({ name }) => name === info.subresource);
    if (!row) throw pathNotFound();
    const handler = connect.get(`${info.resource}/${row.name}`);
    if (!row.verbs.includes(info.verb)) throw methodNotAllowed();
    if (handler) {
      const name = objectName(exchange);
      if (isConnection(row)) await admitConnection(registry.admission, exchange, resource.kind, row, name);
      return handler(exchange, name);
    }
    if (isAction(row.name)) return act(exchange, resource, row, row.name);
    if (!isPart(row.name)) throw pathNotFound();
    switch (info.verb) {
      case 'get':
        return get(exchange, resource, row.name);
      case 'update':
        return update(exchange, resource, row, row.name);
      case 'patch':
        return patch(exchange, resource, row, row.name);
      default:
        throw methodNotAllowed();
    }
  }

  async function get(exchange: Exchange, resource: Resource, part?: Subresource): Promise<void> {
    const resourceVersion = exchange.info.query.get('resourceVersion');
    const stored = await resource.get(
      contextOf(exchange),
      objectName(exchange),
      resourceVersion ? { resourceVersion } : {},
      part,
    );
    sendStored(exchange, resource, 200, stored, part);
  }

  async function list(exchange: Exchange, resource: Resource): Promise<void> {
    const options = parseListOptions(exchange.info.query);
    sendList(exchange, resource, await resource.list(contextOf(exchange), namespaceOf(exchange), options));
  }

  async function create(exchange: Exchange, resource: Resource): Promise<void> {
    const context = contextOf(exchange, parseWriteOptions(exchange.info.query, 'CreateOptions'));
    const object = await readObject(exchange, expectedOf(resource), context);
    await guard(exchange, object);
    const stored = await resource.create(context, namespaceOf(exchange), object);
    addWarnings(exchange.response, context.warnings);
    sendStored(exchange, resource, 201, stored);
  }

  async function update(
    exchange: Exchange,
    resource: Resource,
    row?: SubresourceRow,
    part?: Subresource,
  ): Promise<void> {
    const context = contextOf(exchange, parseWriteOptions(exchange.info.query, 'UpdateOptions'));
    const object = await readObject(exchange, expectedOf(resource, row), context);
    await guard(exchange);
    const stored = await resource.update(context, objectName(exchange), object, part);
    addWarnings(exchange.response, context.warnings);
    sendStored(exchange, resource, 200, stored, part);
  }

  async function patch(
    exchange: Exchange,
    resource: Resource,
    row?: SubresourceRow,
    part?: Subresource,
  ): Promise<void> {
    const options = parsePatchOptions(exchange.info.query, exchange.request.headers['content-type']);
    const context = contextOf(exchange, options);
    const body = await readBody(exchange.request);
    if (options.apply) return apply(exchange, resource, context, body, options.apply.force, row, part);
    const change = decodePatch(exchange.request.headers['content-type'], body, notesFor(context));
    exchange.audit?.sent(change.patch);
    await guard(exchange);
    const stored = await resource.patch(context, objectName(exchange), change, part);
    addWarnings(exchange.response, context.warnings);
    sendStored(exchange, resource, 200, stored, part);
  }

  async function apply(
    exchange: Exchange,
    resource: Resource,
    context: RequestContext,
    body: Buffer,
    force: boolean,
    row?: SubresourceRow,
    part?: Subresource,
  ): Promise<void> {
    const { user, info } = exchange;
    const config = decodeApply(body, expectedOf(resource, row), notesFor(context));
    exchange.audit?.sent(config);
    await guard(exchange, config);
    const mayCreate = (): void => {
      const creation = { ...info, verb: 'create' };
      if (!authorizer.allows(user, creation)) throw refusal(user, creation, authorizer.decide(user, creation).reason);
    };
    const { stored, created } = await resource.apply(context, objectName(exchange), config, { force, mayCreate }, part);
    addWarnings(exchange.response, context.warnings);
    sendStored(exchange, resource, created ? 201 : 200, stored, part);
  }

  async function remove(exchange: Exchange, resource: Resource): Promise<void> {
    const options = await readDeleteOptions(exchange);
    const context = contextOf(exchange, { ...plainOptions(), dryRun: dryRunOf(options) });
    await guard(exchange);
    const result = await resource.delete(context, objectName(exchange), options);
    addWarnings(exchange.response, context.warnings);
    if (result.gone && !resource.kind.returnsDeleted) {
      const status = deletedStatus(resource, result);
      exchange.audit?.status({ ...status, code: 200 });
      sendJson(exchange.response, 200, status);
    } else sendStored(exchange, resource, 200, result.object);
  }

  async function deleteCollection(exchange: Exchange, resource: Resource): Promise<void> {
    const options = await readDeleteOptions(exchange);
    const context = contextOf(exchange, { ...plainOptions(), dryRun: dryRunOf(options) });
    await guard(exchange);
    const listOptions = parseListOptions(exchange.info.query);
    sendList(exchange, resource, await resource.deleteCollection(context, namespaceOf(exchange), listOptions, options));
  }

  async function act(
    exchange: Exchange,
    resource: Resource,
    row: SubresourceRow,
    action: ActionSubresource,
  ): Promise<void> {
    const context = contextOf(exchange, parseWriteOptions(exchange.info.query, 'CreateOptions'));
    const body = await readObject(exchange, expectedOf(resource, row), context);
    await guard(exchange);
    const answer = await resource.createSubresource(context, objectName(exchange), action, body);
    addWarnings(exchange.response, context.warnings);
    exchange.audit?.answered(JSON.stringify(answer));
    sendJson(exchange.response, 201, answer);
  }
}

/** Whether there is such a path for such a resource, and the method means something there. */
function checkPath({ info }: Exchange, { kind }: Resource): void {
  const { verb, namespace, name, resource } = info;
  if (!verbs.has(verb)) throw methodNotAllowed();
  const outside = kind.namespaced ? namespace === '' : namespace !== '' && resource !== 'namespaces';
  // A namespaced resource is read over all namespaces, but named and written within one.
  if (outside && !(kind.namespaced && (verb === 'list' || verb === 'watch'))) {
    throw kind.namespaced && name === '' ? methodNotAllowed() : pathNotFound();
  }
  if (name === '' && (verb === 'update' || verb === 'patch')) throw methodNotAllowed();
}

const verbs = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']);

function objectName({ info }: Exchange): ObjectName {
  const inNamespace = info.namespace !== '' && info.resource !== 'namespaces';
  return inNamespace ? { namespace: info.namespace, name: info.name } : { name: info.name };
}

function expectedOf({ kind }: Resource, row?: SubresourceRow): Expected {
  if (!row?.kind) return { kind: kind.kind, apiVersion: apiVersionOf(kind) };
  const { group = kind.group, version = kind.version } = row;
  return { kind: row.kind, apiVersion: apiVersionOf({ group, version }) };
}

async function readDeleteOptions({ request, info, audit }: Exchange): Promise<DeleteOptions> {
  const body = await readBody(request);
  const type = mediaType(request.headers['content-type']);
  const given = decodeOptional(body.length === 0 ? '' : type, body, {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    anyVersion: true,
  });
  const { wrong } = given ? decode(deleteOptionsShape(), given) : {};
  if (wrong !== undefined)
    throw badRequest(`DeleteOptions in version "v1" cannot be handled as a DeleteOptions: ${wrong}`);
  const options = parseDeleteOptions(info.query, given);
  audit?.sent({ kind: 'DeleteOptions', apiVersion: 'v1', ...options });
  return options;
}

const plainOptions = () => ({ dryRun: false, fieldManager: undefined, fieldValidation: 'Ignore' as const });

const isAction = (name: string): name is ActionSubresource => name === 'binding' || name === 'eviction';

const parts: ReadonlySet<string> = new Set<Subresource>([
  ...(['status', 'scale', 'finalize', 'approval', 'ephemeralcontainers', 'resize'] as const),
]);

const isPart = (name: string): name is Subresource => parts.has(name);
