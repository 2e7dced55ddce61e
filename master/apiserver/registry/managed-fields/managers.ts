/**
 * Who manages which fields of an object (`metadata.managedFields`), and server-side apply, as Kubernetes' reference
 * "Server-Side Apply" says it.
 *
 * An object is tracked from its creation on. One whose managedFields were taken away (a write that says `[{}]`) is tracked again from
 * the next apply on; what it has until then belongs to the manager `before-first-apply`, as in Kubernetes.
 */

import { statusError } from '../../../api/errors.ts';
import { apiVersionOf, type Kind } from '../../../api/kinds.ts';
import { lastApplied } from '../../../api/meta.ts';
import type { KubeObject, ObjectMeta } from '../../../api/types.ts';
import { isRecord, type Shape } from '../schema/shape.ts';
import { fieldsOfNew, identity, serverOnly } from './creation.ts';
import {
  type FieldPath,
  type FieldSet,
  fromFieldsV1,
  intersection,
  isEmpty,
  isWithin,
  minus,
  noFields,
  pathsOf,
  toFieldsV1,
  union,
  within,
} from './field-set.ts';
import type { OtherVersions } from './other-versions.ts';
import { difference, fieldsIn, merged, pruned } from './typed.ts';

export type Entry = NonNullable<ObjectMeta['managedFields']>[number];

/** Who writes, through what, and when. */
export interface Writing {
  readonly manager: string;
  readonly kind: Pick<Kind, 'group' | 'version'>;
  readonly otherVersions?: OtherVersions | undefined;
  readonly subresource: string | undefined;
  /** Seconds, in the form of RFC 3339. */
  readonly now: string;
}

export const isTracked = ({ metadata }: KubeObject): boolean => (metadata?.managedFields ?? []).length > 0;

/** Whether a write takes the managers away, as the reference says it is done: a list of one entry that says nothing. */
export const takesManagersAway = ({ metadata }: KubeObject): boolean => {
  const [first, ...rest] = metadata?.managedFields ?? [];
  return first !== undefined && rest.length === 0 && Object.keys(first).length === 0;
};

/** Whether a write says who manages the object's fields, in a way that can be understood. */
export const namesManagers = ({ metadata }: KubeObject): boolean => {
  const { managedFields = [] } = metadata ?? {};
  return managedFields.length > 0 && managedFields.every(isEntry);
};

const isEntry = ({ operation, fieldsType, fieldsV1 }: Entry): boolean =>
  (operation === 'Apply' || operation === 'Update') && fieldsType === 'FieldsV1' && isRecord(fieldsV1);

/** The entries of an object that an ordinary write makes. `ownStatus`: its status is written by a path of its own. */
export function afterCreate(shape: Shape, object: KubeObject, writing: Writing, ownStatus: boolean): Entry[] {
  const fieldsV1 = fieldsOfNew(shape, { ...object }, ownStatus);
  return [{ ...entryOf(writing, 'Update'), fieldsType: 'FieldsV1', fieldsV1 }];
}

/**
 * The entries after an ordinary write: what it changed is the writer's, and nobody else's any more. Those before are the
 * object's own: the old object's, or those that the write itself names.
 */
export function afterUpdate(shape: Shape, old: KubeObject, object: KubeObject, writing: Writing): Entry[] {
  const { changed, removed } = difference(shape, old, object);
  const mine = tracked(changed);
  const own = entryOf(writing, 'Update');
  const inVersionOf = differences(writing, { changed, removed }, old, object);
  const managers = managersOf(isTracked(object) ? object : old).map(({ entry, fields }) => ({
    entry,
    fields: minus(fields, isSame(entry, own) ? tracked(removed) : tracked(either(inVersionOf(entry)))),
  }));
  if (isEmpty(mine)) return entriesOf(managers);
  const before = managers.find(({ entry }) => isSame(entry, own));
  const rest = managers.filter((manager) => manager !== before);
  return entriesOf(capped([...rest, { entry: own, fields: union(before?.fields ?? noFields, mine) }]));
}

/** The entries of an object that an apply makes. */
export function afterFirstApply(shape: Shape, config: KubeObject, writing: Writing): Entry[] {
  return entriesOf([{ entry: entryOf(writing, 'Apply'), fields: tracked(fieldsIn(shape, config)) }]);
}

/**
 * The object as an apply makes it of the present one, with its entries. Throws 409 where others manage what it would
 * change, unless it is forced. `part`: what can be applied through this path; all that it changes besides does not count.
 */
export function applied(
  shape: Shape,
  live: KubeObject,
  config: KubeObject,
  writing: Writing,
  force: boolean,
  part?: readonly FieldPath[],
): { object: KubeObject; entries: Entry[] } {
  const own = entryOf(writing, 'Apply');
  const managers = isTracked(live)
    ? managersOf(live)
    : [{ entry: firstOwner(writing), fields: tracked(fieldsIn(shape, live)) }];
  const before = managers.find(({ entry }) => isSame(entry, own));
  const others = managers.filter((manager) => manager !== before);
  const counted = (fields: FieldSet): FieldSet => (part ? within(tracked(fields), part) : tracked(fields));
  const wanted = counted(fieldsIn(shape, config));

  const over = merged(shape, live, config);
  if (!isRecord(over)) throw new Error('an object cannot be merged into none');
  const object = before ? withoutUnsaid(shape, over, config, writing, before, others) : over;

  const inVersionOf = differences(writing, difference(shape, live, object), live, object);
  const conflicts = others.flatMap(({ entry, fields }) => {
    const both = intersection(fields, counted(inVersionOf(entry).changed));
    return isEmpty(both) ? [] : [{ entry, fields: both }];
  });
  if (conflicts.length > 0 && !force && !isOwnAnnotated(shape, live, writing, conflicts)) throw conflictOf(conflicts);

  const rest = others.map(({ entry, fields }) => ({
    entry,
    fields: minus(fields, counted(either(inVersionOf(entry)))),
  }));
  const isAsBefore = before?.entry.apiVersion === own.apiVersion;
  const same = before && isAsBefore && isWithin(before.fields, wanted) && isWithin(wanted, before.fields);
  return { object, entries: entriesOf([...rest, { entry: same ? before.entry : own, fields: wanted }]) };
}

/** The object without what `before` applied last time, nobody says now, and nobody else manages. */
function withoutUnsaid(
  shape: Shape,
  object: KubeObject,
  config: KubeObject,
  { otherVersions }: Writing,
  before: Manager,
  others: readonly Manager[],
): KubeObject {
  const other = otherVersions?.get(before.entry.apiVersion ?? '');
  const wanted = other ? fieldsIn(other.shape, other.of(config)) : fieldsIn(shape, config);
  const kept = others.reduce((all, { fields }) => union(all, fields), tracked(wanted));
  const left = other
    ? pruned(other.shape, other.of(object), before.fields, kept)
    : pruned(shape, object, before.fields, kept);
  if (!isRecord(left)) throw new Error('an object cannot be merged into none');
  return other ? other.back(left) : left;
}

interface Difference {
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

const either = ({ changed, removed }: Difference): FieldSet => union(changed, removed);

/** What differs between two states of an object, in the version of an entry; `own` is the difference in the writer's version. */
function differences(
  { otherVersions }: Writing,
  own: Difference,
  before: KubeObject,
  after: KubeObject,
): (entry: Entry) => Difference {
  if (!otherVersions) return () => own;
  const known = new Map<string, Difference>();
  return ({ apiVersion = '' }) => {
    const other = otherVersions.get(apiVersion);
    if (!other) return own;
    const found = known.get(apiVersion) ?? difference(other.shape, other.of(before), other.of(after));
    known.set(apiVersion, found);
    return found;
  };
}

export interface Manager {
  readonly entry: Entry;
  readonly fields: FieldSet;
}

export function managersOf({ metadata }: KubeObject): Manager[] {
  return (metadata?.managedFields ?? []).map((entry) => ({ entry, fields: fromFieldsV1(entry.fieldsV1) }));
}

/** As in Kubernetes: that many programs' ordinary writes are told apart, and the oldest of more are put together. */
const maxUpdates = 10;

function capped(managers: readonly Manager[]): readonly Manager[] {
  const updates = managers.filter(({ entry }) => entry.operation === 'Update');
  if (updates.length <= maxUpdates) return managers;
  const oldest = updates
    .toSorted((a, b) => compare(a.entry.time, b.entry.time))
    .slice(0, updates.length - maxUpdates + 1);
  const { subresource: _, ...entry } = oldest.at(-1)?.entry ?? {};
  const fields = oldest.reduce((all, manager) => union(all, manager.fields), noFields);
  return [
    ...managers.filter((manager) => !oldest.includes(manager)),
    { entry: { ...entry, manager: 'ancient-changes' }, fields },
  ];
}

/** Managers that manage nothing are not named. Who applies comes first, as Kubernetes sorts them. */
export function entriesOf(managers: readonly Manager[]): Entry[] {
  return managers
    .filter(({ fields }) => !isEmpty(fields))
    .map(({ entry, fields }) => ({ ...entry, fieldsType: 'FieldsV1', fieldsV1: toFieldsV1(fields) }))
    .toSorted((a, b) => compare(a.operation, b.operation) || compare(a.time, b.time) || compare(a.manager, b.manager));
}

const compare = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);

function entryOf({ manager, kind, subresource, now }: Writing, operation: 'Apply' | 'Update'): Entry {
  const part = subresource === undefined ? {} : { subresource };
  return { manager, operation, apiVersion: apiVersionOf(kind), time: now, ...part };
}

const firstOwner = (writing: Writing): Entry =>
  entryOf({ ...writing, manager: 'before-first-apply', subresource: undefined }, 'Update');

function isSame(a: Entry, b: Entry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    // Who applies may go over to another version.
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion) &&
    (a.subresource ?? '') === (b.subresource ?? '')
  );
}

/** What nobody manages, as a set. */
const untracked = fromFieldsV1({
  ...leaves(identity),
  'f:metadata': { '.': {}, ...leaves(serverOnly) },
});

function leaves(names: Iterable<string>): Record<string, object> {
  return Object.fromEntries(Array.from(names, (name) => [`f:${name}`, {}]));
}

const tracked = (fields: FieldSet): FieldSet => minus(fields, untracked);

/** Who goes over from kubectl's own apply to the server's takes along what it applied before. */
function isOwnAnnotated(
  shape: Shape,
  { metadata }: KubeObject,
  { manager }: Writing,
  conflicts: readonly Manager[],
): boolean {
  const text = metadata?.annotations?.[lastApplied];
  if (manager !== 'kubectl' || text === undefined) return false;
  try {
    const before = fieldsIn(shape, JSON.parse(text));
    return conflicts.every(({ fields }) => isWithin(fields, before));
  } catch {
    return false;
  }
}

function conflictOf(conflicts: readonly Manager[]): Error {
  const named = conflicts.map(({ entry, fields }) => ({ who: managerText(entry), paths: pathsOf(fields) }));
  const causes = named.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${who}`, field })),
  );
  const [first] = named;
  const text =
    causes.length === 1 && first
      ? `Apply failed with 1 conflict: conflict with ${first.who}: ${first.paths[0]}`
      : `Apply failed with ${causes.length} conflicts: ${named
          .toSorted((a, b) => compare(a.who, b.who))
          .flatMap(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)])
          .join('\n')}`;
  return statusError('Conflict', text, { causes });
}

function managerText({ manager = '', subresource, operation, apiVersion = '' }: Entry): string {
  const part = subresource ? ` with subresource ${JSON.stringify(subresource)}` : '';
  return `${JSON.stringify(manager)}${part}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
