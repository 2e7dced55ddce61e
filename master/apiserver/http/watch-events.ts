/**
 * The JSON lines of a watch: `{"type":"ADDED","object":…}`. An event's object is the store's own bytes with a constant
 * before and after, so it is encoded once however many watchers there are.
 */
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { Status } from '../../api/types.ts';
import type { Column, ResourceEvent } from '../registry/context.ts';
import { type Chunk, chunkOf } from './chunks.ts';
import { type IncludeObject, metadataJson, objectTableJson } from './lists.ts';
import type { MetaVersion, Representation } from './negotiate.ts';

/** How one watch writes its events. `event` gives the parts of one line. */
export interface EventEncoder {
  event(event: ResourceEvent): readonly Buffer[];
  /** The lines of events that came together, made once for all watchers that are given the same array; undefined for long ones. */
  together?(events: readonly ResourceEvent[]): Chunk | undefined;
  /** `initialEnd`: marks the end of the initial events (KEP-3157). */
  bookmark(revision: number, initialEnd: boolean): Buffer;
  /** What ends a watch with an error; the client lists again where the Status says 410. */
  error(status: Status): Buffer;
}

/** What may be said of a watch's shape: of use for tables only. */
export interface TableShape {
  readonly columns: readonly Column[];
  readonly include: IncludeObject;
  /** Milliseconds since the epoch. */
  now(): number;
}

export function eventEncoder(
  kind: Kind,
  { shape, version }: Pick<Representation, 'shape' | 'version'>,
  table: TableShape,
): EventEncoder {
  switch (shape) {
    case 'object':
      return objectEncoder(kind);
    case 'table':
      return tableEncoder(table, version);
    case 'metadata':
    case 'metadata-list':
      return metadataEncoder(version);
  }
}

const errorLine = (status: Status): Buffer => Buffer.from(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);

const heads: Record<ResourceEvent['type'], Buffer> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
};
const lineEnd = Buffer.from('}\n');

const linesOf = ({ type, stored }: ResourceEvent): readonly Buffer[] => [heads[type], stored.bytes, lineEnd];

/** Longer ones are rather written piece by piece. */
const togetherBytes = 128 * 1024;
const chunks = new WeakMap<readonly ResourceEvent[], Chunk>();

function together(events: readonly ResourceEvent[]): Chunk | undefined {
  const known = chunks.get(events);
  if (known) return known;
  const length = events.reduce((sum, { type, stored }) => sum + heads[type].length + stored.bytes.length + 2, 0);
  if (length > togetherBytes) return undefined;
  const made = chunkOf(events.flatMap(linesOf), length);
  chunks.set(events, made);
  return made;
}

function objectEncoder(kind: Kind): EventEncoder {
  return {
    event: linesOf,
    together,
    bookmark: (revision, initialEnd) => bookmarkLine(kind.kind, apiVersionOf(kind), revision, initialEnd),
    error: errorLine,
  };
}

function metadataEncoder(version: MetaVersion): EventEncoder {
  return {
    event: ({ type, stored }) => [Buffer.from(`{"type":"${type}","object":${metadataJson(stored, version)}}\n`)],
    bookmark: (revision, initialEnd) =>
      bookmarkLine('PartialObjectMetadata', `meta.k8s.io/${version}`, revision, initialEnd),
    error: errorLine,
  };
}

function tableEncoder({ columns, include, now }: TableShape, version: MetaVersion): EventEncoder {
  let headers = true;
  return {
    event({ type, stored }) {
      const object = objectTableJson(stored, { version, columns, include, now: now() }, headers);
      headers = false;
      return [Buffer.from(`{"type":"${type}","object":${object}}\n`)];
    },
    bookmark: (revision, initialEnd) =>
      Buffer.from(
        `{"type":"BOOKMARK","object":{"kind":"Table","apiVersion":"meta.k8s.io/${version}","metadata":{"resourceVersion":"${revision}"},"columnDefinitions":[],"rows":[{"cells":[],"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${version}","metadata":${bookmarkMeta(revision, initialEnd)}}}]}}\n`,
      ),
    error: errorLine,
  };
}

function bookmarkLine(kind: string, apiVersion: string, revision: number, initialEnd: boolean): Buffer {
  return Buffer.from(
    `{"type":"BOOKMARK","object":{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${bookmarkMeta(revision, initialEnd)}}}\n`,
  );
}

function bookmarkMeta(revision: number, initialEnd: boolean): string {
  const annotations = initialEnd ? ',"annotations":{"k8s.io/initial-events-end":"true"}' : '';
  return `{"resourceVersion":"${revision}","creationTimestamp":null${annotations}}`;
}
