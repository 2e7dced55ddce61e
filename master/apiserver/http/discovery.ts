/**
 * Discovery: what groups, versions and resources are served, made once from the rows of the table of kinds. Both forms
 * are served: the legacy one document a group version, and the aggregated one (apidiscovery.k8s.io/v2) with an ETag.
 */
import { createHash } from 'node:crypto';
import { serviceUnavailable } from '../../api/errors.ts';
import { apiVersionOf, groupVersionPath, type Kind } from '../../api/kinds.ts';
import type { Exchange, Handler } from './exchange.ts';
import { mediaRanges } from './negotiate.ts';
import { sendJsonText } from './respond.ts';

/** The verbs that the registry gives every resource. */
const resourceVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** A group version whose server does not answer. `kinds` are what it said last. */
export interface StaleVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly Kind[];
}

/** The routes of discovery, by path. `address`: `<host>:<port>` of this server for its clients. What is stale is named as such, and its own document is not there. */
export function discoveryRoutes(
  kinds: readonly Kind[],
  stale: readonly StaleVersion[] = [],
  address?: string,
): Map<string, Handler> {
  const routes = new Map<string, Handler>();
  const groups = groupsOf(kinds, stale);
  const core = groups.filter(({ name }) => name === '');
  const named = groups.filter(({ name }) => name !== '');

  routes.set('/api', rootDocument(apiVersions(core, address), aggregated(core)));
  routes.set('/apis', rootDocument(groupList(named), aggregated(named)));
  for (const group of named) routes.set(`/apis/${group.name}`, document(groupDocument(group, true)));
  for (const group of groups) {
    for (const version of group.versions) {
      const path = groupVersionPath({ group: group.name, version: version.name });
      routes.set(path, version.isStale ? unavailable : document(resourceList(group, version)));
    }
  }
  return routes;
}

const unavailable: Handler = () => {
  throw serviceUnavailable('service unavailable');
};

interface Version {
  readonly name: string;
  readonly kinds: readonly Kind[];
  readonly isStale: boolean;
}

interface Group {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly Version[];
}

function groupsOf(kinds: readonly Kind[], stale: readonly StaleVersion[]): Group[] {
  const groups = new Map<string, Map<string, Kind[]>>();
  const membersOf = (group: string, version: string): Kind[] => {
    const versions = groups.get(group) ?? new Map<string, Kind[]>();
    const members = versions.get(version) ?? [];
    groups.set(group, versions.set(version, members));
    return members;
  };
  for (const kind of kinds) membersOf(kind.group, kind.version).push(kind);
  for (const { group, version, kinds: last } of stale) membersOf(group, version).push(...last);
  return [...groups].map(([name, versions]) => ({
    name,
    versions: [...versions].map(([version, members]) => ({
      name: version,
      kinds: members.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)),
      isStale: stale.some((each) => each.group === name && each.version === version),
    })),
  }));
}

function apiVersions(core: readonly Group[], serverAddress: string | undefined) {
  return {
    kind: 'APIVersions',
    versions: core.flatMap(({ versions }) => versions.map(({ name }) => name)),
    serverAddressByClientCIDRs: serverAddress === undefined ? [] : [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

const groupList = (named: readonly Group[]) => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: named.map((group) => groupDocument(group, false)),
});

function groupDocument(group: Group, typed: boolean) {
  const versions = group.versions.map(({ name }) => ({ groupVersion: `${group.name}/${name}`, version: name }));
  const type = typed ? { kind: 'APIGroup', apiVersion: 'v1' } : {};
  return { ...type, name: group.name, versions, preferredVersion: versions[0] };
}

function resourceList(group: Group, version: Version) {
  const groupVersion = apiVersionOf({ group: group.name, version: version.name });
  return {
    kind: 'APIResourceList',
    ...(group.name === '' ? {} : { apiVersion: 'v1' }),
    groupVersion,
    resources: version.kinds.flatMap(resourceRows),
  };
}

function resourceRows(kind: Kind) {
  const { resource, singular, namespaced, shortNames, categories } = kind;
  return [
    {
      name: resource,
      singularName: singular,
      namespaced,
      kind: kind.kind,
      verbs: kind.verbs ?? resourceVerbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
      ...(kind.verbs ? {} : { storageVersionHash: storageVersionHash(kind) }),
    },
    ...kind.subresources.map(({ name, verbs, ...own }) => ({
      name: `${resource}/${name}`,
      singularName: '',
      namespaced,
      ...(own.group === undefined ? {} : { group: own.group, version: own.version }),
      kind: own.kind ?? kind.kind,
      verbs,
    })),
  ];
}

function aggregated(groups: readonly Group[]) {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: group.name === '' ? { creationTimestamp: null } : { name: group.name, creationTimestamp: null },
      versions: group.versions.map((version) => ({
        version: version.name,
        resources: version.kinds.map(aggregatedResource),
        freshness: version.isStale ? 'Stale' : 'Current',
      })),
    })),
  };
}

function aggregatedResource(kind: Kind) {
  const { resource, singular, namespaced, shortNames, categories, subresources } = kind;
  const responseKind = { group: kind.group, version: kind.version, kind: kind.kind };
  return {
    resource,
    responseKind,
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: kind.verbs ?? resourceVerbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map(({ name, verbs, ...own }) => ({
            subresource: name,
            responseKind: {
              group: own.group ?? kind.group,
              version: own.version ?? kind.version,
              kind: own.kind ?? kind.kind,
            },
            verbs,
          })),
        }
      : {}),
  };
}

function storageVersionHash({ group, version, kind }: Kind): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64');
}

function document(value: unknown): Handler {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  return ({ response }) => sendJsonText(response, 200, 'application/json', bytes);
}

/** /api and /apis: the aggregated document for who asks for it, else the legacy one. */
function rootDocument(legacy: unknown, whole: unknown): Handler {
  const sendLegacy = document(legacy);
  const bytes = Buffer.from(`${JSON.stringify(whole)}\n`);
  const etag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
  return (exchange) => {
    const { request, response } = exchange;
    response.setHeader('Vary', 'Accept');
    if (!wantsAggregated(exchange)) return sendLegacy(exchange);
    response.setHeader('ETag', etag);
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304);
      response.end();
      return;
    }
    sendJsonText(response, 200, aggregatedType, bytes);
  };
}

function wantsAggregated({ request }: Exchange): boolean {
  for (const { type, parameters } of mediaRanges(request.headers.accept ?? '')) {
    if (type !== 'application/json') continue;
    const { g, v, as } = parameters;
    if (g === 'apidiscovery.k8s.io' && v === 'v2' && as === 'APIGroupDiscoveryList') return true;
    if (as === undefined) return false;
  }
  return false;
}
