/**
 * How the objects of other servers look. Their OpenAPI 3 documents stay where they are: this server lists them and passes
 * requests on. OpenAPI 2 is one document for everything, so what they say of their group version is merged into ours, as
 * kube-aggregator does: a definition that differs from ours of the same name gets another name.
 */
import { groupVersionPath } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import { isRecord } from '../../registry/schema/shape.ts';
import type { Handler } from '../exchange.ts';
import type { Json } from '../openapi/schemas.ts';
import type { Remote, RemoteDocument } from './remote.ts';

/** What a server says, ready to be served. */
export interface AggregatedDocument extends RemoteDocument {
  /** `apis/<group>/<version>` */
  readonly name: string;
  /** Passes a request for the OpenAPI 3 document on. */
  readonly handler: Handler;
}

/** Asks a server. What it does not say is left out. */
export async function documentOf(remote: Remote): Promise<RemoteDocument> {
  const [index, whole] = await Promise.all([
    remote.ask('/openapi/v3').catch(() => undefined),
    remote.ask('/openapi/v2').catch(() => undefined),
  ]);
  const root = groupVersionPath(remote);
  const paths = isRecord(index) && isRecord(index.paths) ? index.paths : {};
  const place = paths[root.slice(1)];
  const url = isRecord(place) ? place.serverRelativeURL : undefined;
  return {
    v3: typeof url === 'string' && url.startsWith('/openapi/v3/') ? url : undefined,
    v2: isRecord(whole) ? partUnder(whole, root) : undefined,
  };
}

/** Adds the part that another server has of OpenAPI 2; what is there already stays. */
export function mergeV2(ours: Json, theirs: Json): Json {
  const present = isRecord(ours.definitions) ? ours.definitions : {};
  const added = isRecord(theirs.definitions) ? theirs.definitions : {};
  const names = new Map<string, string>();
  for (const [name, definition] of Object.entries(added)) {
    let free = name;
    for (let next = 2; free in present && !sameType(present[free], definition); next++) free = `${name}_v${next}`;
    names.set(`#/definitions/${name}`, `#/definitions/${free}`);
  }
  const definitions = Object.entries(added).map(([name, definition]): [string, unknown] => [
    (names.get(`#/definitions/${name}`) ?? '').slice('#/definitions/'.length),
    renamed(definition, names),
  ]);
  const paths = renamed(theirs.paths, names);
  return {
    ...ours,
    paths: { ...(isRecord(paths) && paths), ...(isRecord(ours.paths) && ours.paths) },
    definitions: { ...Object.fromEntries(definitions), ...present },
  };
}

/** The paths of a group version, and the definitions that they speak of. */
function partUnder({ paths, definitions }: Json, root: string): Json | undefined {
  if (!isRecord(paths) || !isRecord(definitions)) return undefined;
  const own = Object.entries(paths).filter(([path]) => path === `${root}/` || path.startsWith(`${root}/`));
  const needed = new Set<string>();
  const gather = (held: unknown): void => {
    for (const name of referencesIn(held)) {
      if (needed.has(name)) continue;
      needed.add(name);
      gather(definitions[name]);
    }
  };
  gather(own);
  const kept = Object.entries(definitions).filter(([name]) => needed.has(name));
  return { paths: Object.fromEntries(own), definitions: Object.fromEntries(kept) };
}

/** Names of definitions. */
function* referencesIn(held: unknown): Generator<string> {
  if (Array.isArray(held)) for (const item of held) yield* referencesIn(item);
  if (!isRecord(held)) return;
  const { $ref } = held;
  if (typeof $ref === 'string' && $ref.startsWith('#/definitions/')) yield $ref.slice('#/definitions/'.length);
  for (const item of Object.values(held)) yield* referencesIn(item);
}

function renamed(held: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(held)) return held.map((item) => renamed(item, names));
  if (!isRecord(held)) return held;
  return Object.fromEntries(
    Object.entries(held).map(([key, item]) => [
      key,
      key === '$ref' && typeof item === 'string' ? (names.get(item) ?? item) : renamed(item, names),
    ]),
  );
}

const kindsMark = 'x-kubernetes-group-version-kind';

/** Which kinds a type stands for makes it no other type. */
function sameType(one: unknown, other: unknown): boolean {
  if (!isRecord(one) || !isRecord(other)) return false;
  return deepEqual({ ...one, [kindsMark]: 0 }, { ...other, [kindsMark]: 0 });
}
