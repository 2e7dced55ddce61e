/**
 * The OpenAPI documents: paths and their parameters from the table of kinds, and the schemas of a source.
 *
 * kubectl reads them before `apply`, `create` and `edit`: a PATCH that declares `fieldValidation` tells it that the server
 * checks fields itself. The schemas name each kind and its metadata and leave the rest open; a fuller source replaces
 * `openSchema` without another change here. `application/strategic-merge-patch+json` must not be declared before the
 * schemas carry the lists' merge keys, because kubectl would then compute its patches from them.
 */
import { groupVersionPath, type Kind } from '../../../api/kinds.ts';
import { version } from '../version.ts';

/** A JSON schema as OpenAPI writes it; opaque here. */
export type Schema = Readonly<Record<string, unknown>>;

type Json = Record<string, unknown>;

/** The OpenAPI 3.0 document of one group version. */
export function openApiV3(kinds: readonly Kind[]): Json {
  const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
  const paths: Json = {};
  for (const kind of kinds) {
    for (const [path, operations] of Object.entries(pathsOf(kind))) {
      const item: Json = {};
      for (const [method, operation] of Object.entries(operations)) {
        item[method] = {
          ...common(kind, operation),
          parameters: operation.parameters.map((parameter) => ({ ...parameter, schema: typeOf(parameter) })),
          ...(operation.body
            ? { requestBody: { content: contentOf(operation.body, ref(schemaName(kind))), required: true } }
            : {}),
          responses: { 200: { description: 'OK', content: contentOf(['application/json'], ref(schemaName(kind))) } },
        };
      }
      paths[path] = item;
    }
  }
  const schemas: Json = {};
  for (const kind of kinds) schemas[schemaName(kind)] = openSchema(kind);
  return { openapi: '3.0.0', info, paths, components: { schemas } };
}

/** The OpenAPI 2.0 document of everything. */
export function openApiV2(kinds: readonly Kind[]): Json {
  const paths: Json = {};
  const definitions: Json = {};
  for (const kind of kinds) {
    definitions[schemaName(kind)] = openSchema(kind);
    const schema = { $ref: `#/definitions/${schemaName(kind)}` };
    for (const [path, operations] of Object.entries(pathsOf(kind))) {
      const item: Json = {};
      for (const [method, operation] of Object.entries(operations)) {
        item[method] = {
          ...common(kind, operation),
          consumes: operation.body ?? ['*/*'],
          produces: ['application/json', 'application/yaml'],
          parameters: [
            ...operation.parameters.map((parameter) => ({ ...parameter, ...typeOf(parameter) })),
            ...(operation.body ? [{ name: 'body', in: 'body', required: true, schema }] : []),
          ],
          responses: { 200: { description: 'OK', schema } },
        };
      }
      paths[path] = item;
    }
  }
  return { swagger: '2.0', info, paths, definitions };
}

const info = { title: 'Kubernetes', version: version.gitVersion };

/** `io.k8s.api.core.v1.Pod` */
function schemaName({ group, version, kind }: Kind): string {
  const short = group === '' ? 'core' : group.replace(/\.k8s\.io$/, '');
  return `io.k8s.api.${short}.${version}.${kind}`;
}

function openSchema(kind: Kind): Schema {
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: { apiVersion: text, kind: text, metadata: { type: 'object' } },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
    'x-kubernetes-preserve-unknown-fields': true,
  };
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly required?: boolean;
  readonly description: string;
}

interface Operation {
  readonly action: string;
  /** Only where the action alone would give two operations one id. */
  readonly suffix?: string;
  readonly parameters: readonly Parameter[];
  /** The content types of the body. */
  readonly body?: readonly string[];
}

const query = (name: string, description: string): Parameter => ({ name, in: 'query', description });
const inPath = (name: string, description: string): Parameter => ({ name, in: 'path', required: true, description });

const pretty = query('pretty', 'Ignored: answers are not indented.');
const writeParameters = [
  query('dryRun', 'All: every stage is run but nothing is stored.'),
  query('fieldManager', 'Who or what makes the change.'),
  query('fieldValidation', 'What becomes of unknown and duplicate fields: Ignore, Warn or Strict.'),
];
const listParameters = [
  query('allowWatchBookmarks', 'Whether the watch may send BOOKMARK events.'),
  query('continue', 'The token of the list that this one continues.'),
  query('fieldSelector', 'Which objects, by their fields.'),
  query('labelSelector', 'Which objects, by their labels.'),
  query('limit', 'How many objects at most.'),
  query('resourceVersion', 'How recent the answer must be.'),
  query('resourceVersionMatch', 'How resourceVersion is meant.'),
  query('sendInitialEvents', 'Whether the watch begins with the present state.'),
  query('timeoutSeconds', 'How long the list or watch may take.'),
  query('watch', 'Watch instead of list.'),
];
const deleteParameters = [
  query('dryRun', 'All: every stage is run but nothing is stored.'),
  query('gracePeriodSeconds', 'How long the object may take to end.'),
  query('orphanDependents', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const integers = new Set(['limit', 'timeoutSeconds', 'gracePeriodSeconds']);
const booleans = new Set(['allowWatchBookmarks', 'sendInitialEvents', 'watch', 'orphanDependents']);

const objectBody = ['application/json', 'application/yaml'];
const patchBody = ['application/json-patch+json', 'application/merge-patch+json'];

function pathsOf(kind: Kind): Record<string, Record<string, Operation>> {
  const root = groupVersionPath(kind);
  const scope = kind.namespaced ? [inPath('namespace', 'The namespace of the object.')] : [];
  const name = [...scope, inPath('name', `The name of the ${kind.kind}.`)];
  const collection = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.resource}`;
  const paths: Record<string, Record<string, Operation>> = {
    [collection]: {
      get: { action: 'list', parameters: [...scope, pretty, ...listParameters] },
      post: { action: 'post', parameters: [...scope, pretty, ...writeParameters], body: objectBody },
      delete: { action: 'deletecollection', parameters: [...scope, pretty, ...listParameters, ...deleteParameters] },
    },
    [`${collection}/{name}`]: {
      get: { action: 'get', parameters: [...name, pretty, query('resourceVersion', 'How recent.')] },
      put: { action: 'put', parameters: [...name, pretty, ...writeParameters], body: objectBody },
      patch: {
        action: 'patch',
        parameters: [...name, pretty, ...writeParameters, query('force', 'For apply patches.')],
        body: patchBody,
      },
      delete: { action: 'delete', parameters: [...name, pretty, ...deleteParameters] },
    },
  };
  if (kind.namespaced)
    paths[`${root}/${kind.resource}`] = {
      get: { action: 'list', suffix: 'ForAllNamespaces', parameters: listParameters },
    };
  return paths;
}

function common(kind: Kind, { action, suffix = '' }: Operation): Json {
  return {
    operationId: `${action}${kind.group === '' ? 'Core' : ''}${kind.version}${kind.kind}${suffix}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
  };
}

const groupVersionKind = ({ group, version, kind }: Kind): Json => ({ group, kind, version });

function typeOf({ name }: Parameter): Json {
  if (integers.has(name)) return { type: 'integer' };
  return booleans.has(name) ? { type: 'boolean' } : { type: 'string' };
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

/** `api/v1`, `apis/<group>/<version>`: the name of a group version's document. */
export const documentName = (kind: Kind): string => groupVersionPath(kind).slice(1);
