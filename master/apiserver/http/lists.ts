/**
 * The JSON of tables and partial metadata, put together from stored objects (a plain list: list-body.ts). A table's cells and a
 * PartialObjectMetadata are serialized here, once for each object and answer.
 */
import type { KubeObject } from '../../api/types.ts';
import type { Column, ListResult } from '../registry/context.ts';
import type { Stored } from '../store/types.ts';
import type { MetaVersion } from './negotiate.ts';

/** What a table's rows carry beside their cells: the parameter `includeObject`. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** Of meta.k8s.io. */
  readonly version: MetaVersion;
  readonly columns: readonly Column[];
  readonly include: IncludeObject;
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
}

/** A Table over some objects. `headers` is false for the later events of a watch, which repeat no column definitions. */
export function tableJson(items: readonly Stored[], metadata: string, options: TableOptions, headers = true): string {
  const definitions = headers ? columnDefinitions(options.columns) : '[]';
  const rows = items.map((item) => rowJson(item, options)).join(',');
  return `{"kind":"Table","apiVersion":"meta.k8s.io/${options.version}","metadata":${metadata},"columnDefinitions":${definitions},"rows":[${rows}]}`;
}

/** A list's Table. */
export const listTableJson = (result: ListResult, options: TableOptions): string =>
  tableJson(result.items, listMeta(result), options);

/** One object's Table. */
export function objectTableJson(item: Stored, options: TableOptions, headers = true): string {
  return tableJson([item], `{"resourceVersion":"${versionOf(item)}"}`, options, headers);
}

/** An object without all but its metadata. */
export function metadataJson(item: Stored, version: MetaVersion): string {
  return `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${version}","metadata":${JSON.stringify(item.object.metadata)}}`;
}

export function metadataListJson(result: ListResult, version: MetaVersion): string {
  const items = result.items.map((item) => metadataJson(item, version)).join(',');
  return `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/${version}","metadata":${listMeta(result)},"items":[${items}]}`;
}

/** The columns of what has none of its own, as Kubernetes prints them. */
export const defaultColumns: readonly Column[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description:
      'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically.',
    priority: 0,
    value: (object: KubeObject) => object.metadata?.name ?? '',
  },
  {
    name: 'Created At',
    type: 'date',
    description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
    priority: 0,
    value: (object: KubeObject) => object.metadata?.creationTimestamp ?? '<unknown>',
  },
];

/** A list's metadata. */
export function listMeta({ revision, continue: next, remainingItemCount }: ListResult): string {
  const more = next === undefined ? '' : `,"continue":${JSON.stringify(next)}`;
  const rest = remainingItemCount === undefined ? '' : `,"remainingItemCount":${remainingItemCount}`;
  return `{"resourceVersion":"${revision}"${more}${rest}}`;
}

function rowJson(item: Stored, { version, columns, include, now }: TableOptions): string {
  const cells = JSON.stringify(columns.map((column) => column.value(item.object, now)));
  return `{"cells":${cells},"object":${included(item, include, version)}}`;
}

function included(item: Stored, include: IncludeObject, version: MetaVersion): string {
  switch (include) {
    case 'None':
      return 'null';
    case 'Metadata':
      return metadataJson(item, version);
    case 'Object':
      return item.bytes.toString();
  }
}

const definitionsOf = new WeakMap<readonly Column[], string>();

function columnDefinitions(columns: readonly Column[]): string {
  let text = definitionsOf.get(columns);
  if (text === undefined) {
    text = JSON.stringify(
      columns.map(({ name, type, format = '', description, priority }) => ({
        name,
        type,
        format,
        description,
        priority,
      })),
    );
    definitionsOf.set(columns, text);
  }
  return text;
}

const versionOf = (item: Stored): string => item.object.metadata?.resourceVersion ?? String(item.revision);
