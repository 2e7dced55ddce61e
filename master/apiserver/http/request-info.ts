/**
 * What a request is about, read once from its method and URL: the attributes that authorization, routing and metrics all
 * use. As Kubernetes' request info: `/api/v1/namespaces/<ns>/pods/<name>/<subresource>`, `/apis/<group>/<version>/…`;
 * every other path is a non-resource request whose verb is the HTTP method in lower case.
 */
import { parseFieldSelector } from '../../api/selectors.ts';

export interface RequestInfo {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** False for paths such as /healthz and for discovery. */
  readonly isResource: boolean;
  /** get, list, watch, create, update, patch, delete, deletecollection; else the method in lower case. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** '' for cluster-scoped resources and for lists over all namespaces. */
  readonly namespace: string;
  /** '' for collections, unless a field selector `metadata.name=` names the one object that is meant. */
  readonly name: string;
  /** What follows the subresource, as in `pods/<name>/proxy/<rest>`. */
  readonly rest: string;
}

const noQuery = new URLSearchParams();

/** Reads a request line. `url` is the request target as sent; a badly encoded one gives a non-resource request. */
export function parseRequest(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? noQuery : new URLSearchParams(url.slice(mark + 1));
  const parts = segments(path);
  const isCore = parts[0] === 'api';
  const versionAt = isCore ? 1 : 2;
  if (!(isCore || parts[0] === 'apis') || parts.length < versionAt + 2) return nonResource(method, path, query);

  const group = isCore ? '' : (parts[1] ?? '');
  const version = parts[versionAt] ?? '';
  let at = versionAt + 1;
  // The paths of old clients: /api/v1/watch/pods.
  const oldWatch = parts[at] === 'watch' && parts.length > at + 1;
  if (oldWatch) at += 1;

  let namespace = '';
  // `namespaces/<name>`, `namespaces/<name>/status` and `…/finalize` are about the namespace itself.
  if (parts[at] === 'namespaces' && parts.length > at + 2 && !ofNamespaceItself(parts[at + 2], parts.length - at)) {
    namespace = parts[at + 1] ?? '';
    at += 2;
  } else if (parts[at] === 'namespaces' && parts.length > at + 1) {
    namespace = parts[at + 1] ?? '';
  }
  const resource = parts[at] ?? '';
  let name = parts[at + 1] ?? '';
  const subresource = parts[at + 2] ?? '';
  const rest = parts.slice(at + 3).join('/');
  // What is named is read, as in Kubernetes, whatever the query says: there, the parameter is for whom a request is passed on to.
  const verb = verbOf(method, name !== '', oldWatch || (name === '' && isWatch(query)));
  if (name === '' && (verb === 'list' || verb === 'watch')) name = nameInSelector(query);
  return {
    method,
    path,
    query,
    isResource: true,
    verb,
    group,
    version,
    resource,
    subresource,
    namespace: resource === 'namespaces' && name === '' ? '' : namespace,
    name,
    rest,
  };
}

/** How Kubernetes reads a boolean parameter: there and not `false` or `0`. */
export function booleanParameter(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

const isWatch = (query: URLSearchParams): boolean => booleanParameter(query, 'watch');

function ofNamespaceItself(third: string | undefined, length: number): boolean {
  return (third === 'status' || third === 'finalize') && length === 3;
}

function verbOf(method: string, named: boolean, watch: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (watch) return 'watch';
      return named ? 'get' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return method.toLowerCase();
  }
}

/** A list or watch of one object by `fieldSelector=metadata.name=x` counts as being about that object. */
function nameInSelector(query: URLSearchParams): string {
  const selector = query.get('fieldSelector');
  if (!selector?.includes('metadata.name=')) return '';
  const name = exactName(selector);
  return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
}

/** '' also where the selector cannot be read, which is for the verb to say. */
function exactName(selector: string): string {
  try {
    const its = parseFieldSelector(selector).find(
      ({ field, operator }) => field === 'metadata.name' && operator === '=',
    );
    return its?.value ?? '';
  } catch {
    return '';
  }
}

function nonResource(method: string, path: string, query: URLSearchParams): RequestInfo {
  const none = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '', rest: '' };
  return { method, path, query, isResource: false, verb: method.toLowerCase(), ...none };
}

function segments(path: string): string[] {
  const parts = path.split('/');
  parts.shift();
  if (parts.at(-1) === '') parts.pop();
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return [];
  }
}
