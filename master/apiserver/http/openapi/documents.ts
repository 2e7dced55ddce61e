/**
 * The OpenAPI documents: paths and their parameters from the table of kinds, and the schemas of what is sent there.
 *
 * kubectl reads them before `apply`, `create` and `edit`: a PATCH that declares `fieldValidation` tells it that the server
 * checks fields itself, and one that takes `application/strategic-merge-patch+json` that the schemas say how lists merge.
 */
import { groupVersionPath, type Kind, type Subresource } from '../../../api/kinds.ts';
import { isCustomKind } from '../../registry/custom/strategy.ts';
import { hasType, typeName } from '../../registry/schema/types.ts';
import { version } from '../version.ts';
import { customSchemas, customTypeName } from './custom.ts';
import {
  type Form,
  type GroupVersionKind,
  isCustomType,
  type Json,
  type Roots,
  refTo,
  schemasOf,
  type Texts,
} from './schemas.ts';

/** The OpenAPI 3.0 document of one group version. */
export function openApiV3(kinds: readonly Kind[], texts: Texts): Json {
  const paths = pathsOfAll(kinds, ({ parameters, body, answer, ...rest }) => ({
    ...rest,
    parameters: parameters.map((parameter) => ({ ...parameter, schema: typeOf(parameter) })),
    ...(body && {
      requestBody: { content: contentOf(body.types, schemaOf(body.type, 'v3')), required: body.required },
    }),
    responses: { 200: { description: 'OK', content: contentOf(answers, schemaOf(answer, 'v3')) } },
  }));
  const schemas = { ...schemasOf(rootsOf(kinds), 'v3', texts), ...customSchemas(kinds, 'v3'), [patchSchema]: patch };
  return { openapi: '3.0.0', info, paths, components: { schemas } };
}

/** The OpenAPI 2.0 document of everything. */
export function openApiV2(kinds: readonly Kind[], texts: Texts): Json {
  const paths = pathsOfAll(kinds, ({ parameters, body, answer, ...rest }) => ({
    ...rest,
    consumes: body?.types ?? ['*/*'],
    produces: answers,
    parameters: [
      ...parameters.map((parameter) => ({ ...parameter, ...typeOf(parameter) })),
      ...(body ? [{ name: 'body', in: 'body', required: body.required, schema: schemaOf(body.type, 'v2') }] : []),
    ],
    responses: { 200: { description: 'OK', schema: schemaOf(answer, 'v2') } },
  }));
  return {
    swagger: '2.0',
    info,
    paths,
    definitions: { ...schemasOf(rootsOf(kinds), 'v2', texts), ...customSchemas(kinds, 'v2'), [patchSchema]: patch },
  };
}

const info = { title: 'Kubernetes', version: version.gitVersion };
const answers = ['application/json', 'application/yaml'];
const patchSchema = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';
const patch = {
  description: 'Patch is what a PATCH carries; its content type says of which form it is.',
  type: 'object',
};

function schemaOf(type: string, form: Form): Json {
  return refTo(type === patchType || isCustomType(type) || hasType(type) ? type : 'meta.v1.Status', form);
}

/** The types that the paths of the kinds speak of, each with the kinds that it stands for. */
function rootsOf(kinds: readonly Kind[]): Roots {
  const roots = new Map<string, GroupVersionKind[]>();
  const add = (name: string, kind: GroupVersionKind): void => {
    if (!hasType(name)) return;
    const known = roots.get(name) ?? [];
    if (!known.some((other) => other.group === kind.group && other.version === kind.version)) {
      roots.set(name, [...known, kind]);
    }
  };
  add('meta.v1.Status', { group: '', version: 'v1', kind: 'Status' });
  if (kinds.some(isCustomKind)) for (const name of ['meta.v1.ObjectMeta', 'meta.v1.ListMeta']) roots.set(name, []);
  for (const row of kinds) {
    const { group, version: v, kind, subresources } = row;
    for (const name of isCustomKind(row) ? [] : [kind, `${kind}List`]) {
      const own = { group, version: v, kind: name };
      add(typeName(own), own);
    }
    for (const subresource of subresources) {
      const spoken = spokenBy(subresource, { group, version: v, kind });
      if (!isCustomKind(row) || subresource.kind !== undefined) add(typeName(spoken), spoken);
    }
    for (const kindOfAll of ['DeleteOptions', 'WatchEvent']) {
      add(`meta.v1.${kindOfAll}`, { group, version: v, kind: kindOfAll });
    }
  }
  return roots;
}

function spokenBy(subresource: Subresource, parent: GroupVersionKind): GroupVersionKind {
  const { group = parent.group, version: v = parent.version, kind = parent.kind } = subresource;
  return { group, version: v, kind };
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly required?: boolean;
  readonly description: string;
}

interface Body {
  readonly types: readonly string[];
  /** The name of the type of what is sent. */
  readonly type: string;
  readonly required: boolean;
}

interface Operation {
  readonly action: string;
  /** Only where the action alone would give two operations one id. */
  readonly suffix?: string;
  readonly parameters: readonly Parameter[];
  readonly body?: Body;
  /** The name of the type of what is answered. */
  readonly answer: string;
  /** Where it is not the resource's. */
  readonly kind?: GroupVersionKind;
}

const query = (name: string, description: string): Parameter => ({ name, in: 'query', description });
const inPath = (name: string, description: string): Parameter => ({ name, in: 'path', required: true, description });

const pretty = query(
  'pretty',
  'Whether JSON is answered over several lines, indented: as browsers, curl and wget get it unless this is false.',
);
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

const objectTypes = ['application/json', 'application/yaml'];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const patchType = 'meta.v1.Patch';
const statusType = 'meta.v1.Status';
const anyPatchBody: Body = { types: patchTypes, type: patchType, required: true };
const customPatchTypes = patchTypes.filter((type) => !type.includes('strategic'));
const customPatchBody: Body = { types: customPatchTypes, type: patchType, required: true };
const deleteBody: Body = { types: objectTypes, type: 'meta.v1.DeleteOptions', required: false };

type Written = Omit<Operation, 'action' | 'suffix' | 'kind'> & Json;

/** All paths, each operation as `write` writes it. */
function pathsOfAll(kinds: readonly Kind[], write: (operation: Written) => Json): Json {
  const paths: Json = {};
  for (const kind of kinds) {
    for (const [path, operations] of Object.entries(pathsOf(kind))) {
      const entries = Object.entries(operations).map(
        ([method, { action, suffix = '', kind: spoken = kind, ...rest }]) => [
          method,
          write({
            operationId: `${action}${kind.group === '' ? 'Core' : ''}${kind.version}${kind.kind}${suffix}`,
            'x-kubernetes-action': action,
            'x-kubernetes-group-version-kind': groupVersionKind(spoken),
            ...rest,
          }),
        ],
      );
      paths[path] = Object.fromEntries(entries);
    }
  }
  return paths;
}

function pathsOf(kind: Kind): Record<string, Record<string, Operation>> {
  const root = groupVersionPath(kind);
  const scope = kind.namespaced ? [inPath('namespace', 'The namespace of the object.')] : [];
  const name = [...scope, inPath('name', `The name of the ${kind.kind}.`)];
  const collection = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.resource}`;
  const answer = isCustomKind(kind) ? customTypeName(kind, kind.kind) : typeName(kind);
  const list = isCustomKind(kind) ? customTypeName(kind, kind.listKind ?? `${kind.kind}List`) : `${answer}List`;
  const patchBody = isCustomKind(kind) ? customPatchBody : anyPatchBody;
  const objectBody: Body = { types: objectTypes, type: answer, required: true };
  const post = { action: 'post', parameters: [...scope, pretty, ...writeParameters], body: objectBody, answer };
  if (kind.verbs) return { [collection]: { post }, ...questionPaths(`${collection}/{name}`, answer, name) };
  const paths: Record<string, Record<string, Operation>> = {
    [collection]: {
      get: { action: 'list', parameters: [...scope, pretty, ...listParameters], answer: list },
      post,
      delete: {
        action: 'deletecollection',
        parameters: [...scope, pretty, ...listParameters, ...deleteParameters],
        body: deleteBody,
        answer: statusType,
      },
    },
    [`${collection}/{name}`]: {
      get: { action: 'get', parameters: [...name, pretty, query('resourceVersion', 'How recent.')], answer },
      put: { action: 'put', parameters: [...name, pretty, ...writeParameters], body: objectBody, answer },
      patch: {
        action: 'patch',
        parameters: [...name, pretty, ...writeParameters, query('force', 'For apply patches.')],
        body: patchBody,
        answer,
      },
      delete: {
        action: 'delete',
        parameters: [...name, pretty, ...deleteParameters],
        body: deleteBody,
        answer: kind.returnsDeleted ? answer : statusType,
      },
    },
  };
  if (kind.namespaced) {
    paths[`${root}/${kind.resource}`] = {
      get: { action: 'list', suffix: 'ForAllNamespaces', parameters: listParameters, answer: list },
    };
  }
  for (const subresource of kind.subresources) {
    const operations = operationsOf(subresource, kind, name);
    if (Object.keys(operations).length > 0) paths[`${collection}/{name}/${subresource.name}`] = operations;
  }
  return paths;
}

/**
 * What is only created is a question, and has no path of its own. But kubectl takes a kind without PATCH for a custom resource and
 * fails when it cannot list CustomResourceDefinitions; so as long as these are not served, one is declared, though it is
 * answered with 405.
 */
function questionPaths(path: string, answer: string, name: readonly Parameter[]) {
  const parameters = [...name, pretty, ...writeParameters];
  const patch: Operation = { action: 'patch', parameters, body: anyPatchBody, answer };
  return { [path]: { patch } };
}

/** Of a subresource that is read and written as an object. */
function operationsOf(subresource: Subresource, parent: Kind, name: readonly Parameter[]): Record<string, Operation> {
  const kind = spokenBy(subresource, parent);
  const isOwn = isCustomKind(parent) && subresource.kind === undefined;
  const answer = isOwn ? customTypeName(parent, parent.kind) : typeName(kind);
  if (!isOwn && !hasType(answer)) return {};
  const patchBody = isCustomKind(parent) ? customPatchBody : anyPatchBody;
  const suffix = subresource.name[0]?.toUpperCase() + subresource.name.slice(1);
  const body: Body = { types: objectTypes, type: answer, required: true };
  const write = { suffix, kind, answer, parameters: [...name, pretty, ...writeParameters] };
  const all: Record<string, [method: string, Operation]> = {
    get: ['get', { action: 'get', suffix, kind, answer, parameters: [...name, pretty] }],
    create: ['post', { action: 'post', ...write, body }],
    update: ['put', { action: 'put', ...write, body }],
    patch: ['patch', { action: 'patch', ...write, body: patchBody }],
  };
  // What is only read is a stream of another kind, such as a log.
  if (!subresource.verbs.some((verb) => verb !== 'get')) return {};
  return Object.fromEntries(subresource.verbs.flatMap((verb) => (all[verb] ? [all[verb]] : [])));
}

const groupVersionKind = ({ group, version: v, kind }: GroupVersionKind): Json => ({ group, kind, version: v });

function typeOf({ name }: Parameter): Json {
  if (integers.has(name)) return { type: 'integer' };
  return booleans.has(name) ? { type: 'boolean' } : { type: 'string' };
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]));
}

/** `api/v1`, `apis/<group>/<version>`: the name of a group version's document. */
export const documentName = (kind: Kind): string => groupVersionPath(kind).slice(1);
