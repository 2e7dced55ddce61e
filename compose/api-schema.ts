/**
 * Makes the schema of the API: which types there are, their fields, what these hold, and the text that explains them. All
 * of it is taken from the models of @kubernetes/client-node, which are generated from Kubernetes' own OpenAPI document;
 * they are read as text, so that nothing of the package is ever loaded.
 *
 * Two files come of it (see master/apiserver/registry/schema/types.ts, which reads them). They are made again whenever the
 * package or this file changes, and are never committed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const packageDirectory = join(root, 'node_modules/@kubernetes/client-node');
const schemaDirectory = join(root, '.cache/api-schema');

/** Makes the schema unless it is there and newer than what it is made from. */
export function ensureApiSchema(): void {
  const made = modifiedAt(join(schemaDirectory, 'types.json'));
  const sources = [join(packageDirectory, 'package.json'), import.meta.filename];
  if (made === undefined || sources.some((source) => (modifiedAt(source) ?? 0) > made)) {
    makeApiSchema(packageDirectory, schemaDirectory);
  }
}

/** Writes `types.json` and `descriptions.json` into `to`. `from` is the unpacked package. */
export function makeApiSchema(from: string, to: string): void {
  const models = readModels(join(from, 'dist/gen/models'));
  const names = nameModels(models, readRoots(join(from, 'dist/gen/apis')));
  const types: Record<string, string> = {};
  const descriptions: Record<string, Record<string, string>> = {};
  for (const [model, name] of [...names].toSorted(([, a], [, b]) => (a < b ? -1 : 1))) {
    const { fields, description } = models.get(model) ?? noModel(model);
    types[name] = fields
      .map((field) => `${field.name}=${typeOf(field, names)}${field.required ? '!' : ''}`)
      .toSorted()
      .join(' ');
    const texts = fields.flatMap((field) => (field.description ? [[field.name, field.description]] : []));
    descriptions[name] = Object.fromEntries([['', description], ...texts]);
  }
  mkdirSync(to, { recursive: true });
  const texts = JSON.stringify(descriptions);
  const digest = createHash('sha256').update(JSON.stringify(types)).update(texts).digest('hex');
  replaceFile(join(to, 'descriptions.json'), texts);
  replaceFile(join(to, 'types.json'), JSON.stringify({ digest, types }));
}

interface Model {
  readonly description: string;
  readonly fields: readonly ModelField[];
}

interface ModelField {
  readonly name: string;
  /** As TypeScript writes it: `Array<V1Container>`. */
  readonly type: string;
  readonly format: string;
  readonly required: boolean;
  readonly description: string;
}

function readModels(directory: string): Map<string, Model> {
  const models = new Map<string, Model>();
  for (const file of readdirSync(directory)) {
    const model = /^(.*V\d\w*)\.js$/.exec(file)?.[1];
    if (model === undefined) continue;
    models.set(model, readModel(readFileSync(join(directory, file), 'utf8'), join(directory, `${model}.d.ts`)));
  }
  return models;
}

const attribute = /"name": "([^"]*)",\s*"baseName": "([^"]*)",\s*"type": "([^"]*)",\s*"format": "([^"]*)"/g;
const declared = /(?:\/\*\*\n {4}\* (?<text>.*)\n {4}\*\/\n)? {4}'(?<name>\w+)'(?<optional>\??):/g;
const classComment = /\/\*\*\n\* (.*)\n\*\/\nexport declare class/;

function readModel(code: string, declarationsFile: string): Model {
  const declarations = readFileSync(declarationsFile, 'utf8');
  const known = new Map([...declarations.matchAll(declared)].map(({ groups = {} }) => [groups.name, groups]));
  const fields = [...code.matchAll(attribute)].map(([, property = '', name = '', type = '', format = '']) => {
    const { text, optional } = known.get(property) ?? {};
    return { name, type, format, required: optional === '', description: plain(text) };
  });
  return { description: plain(classComment.exec(declarations)?.[1]), fields };
}

const plain = (comment = ''): string => comment.replaceAll(/\\(['"\\])/g, '$1').replaceAll('*_/', '*/');

/** The models that the paths of each group and version speak of; the core group comes first. */
function readRoots(directory: string): Map<string, ReadonlySet<string>> {
  const roots = new Map<string, ReadonlySet<string>>();
  const files = readdirSync(directory).filter((file) => /V\d\w*Api\.js$/.test(file));
  for (const file of files.toSorted((a, b) => Number(b.startsWith('Core')) - Number(a.startsWith('Core')))) {
    const code = readFileSync(join(directory, file), 'utf8');
    const group = /localVarPath = '\/apis\/([^/']+)\//.exec(code)?.[1] ?? 'core';
    const spoken = [...code.matchAll(/(?:ObjectSerializer\.serialize\(body|contentType\)), "(\w*V\d\w*)"/g)];
    roots.set(`${file} ${shortGroup(group)}`, new Set(spoken.map(([, model = '']) => model)));
  }
  return roots;
}

/** The name by which OpenAPI knows a group: its first label, but for one. */
const shortGroup = (group: string): string =>
  group === 'internal.apiserver.k8s.io' ? 'apiserverinternal' : (group.split('.')[0] ?? group);

/** Types that every group shares, and those that a group's paths speak of though they belong to another. */
const homes: Readonly<Record<string, readonly string[]>> = {
  meta: [
    ...['ObjectMeta', 'ListMeta', 'OwnerReference', 'ManagedFieldsEntry', 'LabelSelector', 'LabelSelectorRequirement'],
    ...['FieldSelectorRequirement', 'Condition', 'DeleteOptions', 'Preconditions', 'WatchEvent'],
    ...['Status', 'StatusCause', 'StatusDetails'],
    ...['APIGroup', 'APIGroupList', 'APIResource', 'APIResourceList', 'APIVersions', 'GroupVersionForDiscovery'],
    ...['ServerAddressByClientCIDR'],
  ],
  autoscaling: ['Scale', 'ScaleSpec', 'ScaleStatus'],
  policy: ['Eviction'],
  core: ['TopologySelectorTerm', 'TopologySelectorLabelRequirement'],
};
const homeOf = new Map(Object.entries(homes).flatMap(([group, types]) => types.map((type) => [`V1${type}`, group])));

const modelName = /^(?<group>[A-Z][a-z]+)?(?<version>V\d+(?:alpha\d+|beta\d+)?)(?<type>[A-Z]\w*)$/;

/** `core.v1.Container`: a type belongs to the first group that reaches it. */
function nameModels(models: ReadonlyMap<string, Model>, roots: ReadonlyMap<string, ReadonlySet<string>>) {
  const names = new Map<string, string>();
  const reach = (model: string, from: string): void => {
    const { fields } = models.get(model) ?? noModel(model);
    const parts = modelName.exec(model)?.groups ?? noModel(model);
    const group = parts.group?.toLowerCase() ?? homeOf.get(model) ?? from;
    if (names.has(model)) return;
    names.set(model, `${group}.${parts.version?.toLowerCase()}.${parts.type}`);
    const within = group === 'meta' ? from : group;
    for (const { type } of fields)
      for (const [used] of type.matchAll(/\w*V\d\w*/g)) if (!isTime(used)) reach(used, within);
  };
  for (const [source, spoken] of roots) for (const model of spoken) reach(model, source.split(' ')[1] ?? '');
  // Told by every path, asked for by name.
  for (const model of ['V1ObjectMeta', 'V1WatchEvent', 'V1DeleteOptions', 'V1Status']) reach(model, 'meta');
  return names;
}

const isTime = (type: string): boolean => type === 'V1MicroTime';

const scalars: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'boolean',
  number: 'double',
  Date: 'time',
  V1MicroTime: 'microTime',
  IntOrString: 'intOrString',
  any: 'any',
};
const formats: Readonly<Record<string, string>> = { int32: 'int32', int64: 'int64', byte: 'bytes' };

/** `[]core.v1.Container`, `{}string`, `int32`. */
function typeOf({ type, format }: ModelField, names: ReadonlyMap<string, string>): string {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return `[]${typeOf(asField(list, format), names)}`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) return `{}${typeOf(asField(map, format), names)}`;
  const scalar = scalars[type];
  if (scalar === undefined) return names.get(type) ?? noModel(type);
  return formats[format] ?? scalar;
}

const asField = (type: string, format: string): ModelField => ({
  name: '',
  type,
  format,
  required: false,
  description: '',
});

function noModel(model: string): never {
  throw new Error(`@kubernetes/client-node has no model ${model} that the schema could be made of`);
}

/** A reader sees the old file or the new one, never half of one. */
function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function modifiedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
