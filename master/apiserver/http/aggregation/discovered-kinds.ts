/** The rows of an APIResourceList: what another server says that it serves. */
import type { Kind, Subresource } from '../../../api/kinds.ts';

type Json = Record<string, unknown>;

/** Reads the document of one group version. Throws an Error for what is none. */
export function kindsIn(document: unknown, group: string, version: string): Kind[] {
  if (!isRecord(document) || !Array.isArray(document.resources)) throw new Error('the answer is no APIResourceList');
  const rows = document.resources.filter(isRecord).filter(({ name }) => typeof name === 'string');
  const subresources = Map.groupBy(
    rows.filter(({ name }) => text(name).includes('/')),
    ({ name }) => text(name).split('/', 1)[0],
  );
  return rows
    .filter(({ name }) => !text(name).includes('/'))
    .map((row) => ({
      kind: text(row.kind),
      resource: text(row.name),
      singular: text(row.singularName),
      group,
      version,
      namespaced: row.namespaced === true,
      shortNames: texts(row.shortNames),
      categories: texts(row.categories),
      verbs: texts(row.verbs),
      subresources: (subresources.get(text(row.name)) ?? []).map(subresourceOf),
    }));
}

function subresourceOf(row: Json): Subresource {
  const own = { name: text(row.name).slice(text(row.name).indexOf('/') + 1), verbs: texts(row.verbs) };
  const { group, version, kind } = row;
  return {
    ...own,
    kind: text(kind),
    ...(typeof group === 'string' && typeof version === 'string' && { group, version }),
  };
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
