/**
 * What is particular to one resource. The generic verbs call these hooks; a resource that has nothing to say leaves a
 * hook out. As Kubernetes' `rest.RESTCreateStrategy` and its kin.
 *
 * Ownership: `object` is the caller's fresh copy, to be changed in place; `old` comes from the cache and is never
 * changed, though parts of it may be taken into `object`.
 */
import type { Kind } from '../../api/kinds.ts';
import type { DeleteOptions, KubeObject, Status } from '../../api/types.ts';
import type { ExtraPut, Stored } from '../store/types.ts';
import type { ActionSubresource, Column, DeleteResult, ObjectName, RequestContext, Subresource } from './context.ts';
import type { FieldPath } from './managed-fields/field-set.ts';
import type { OtherVersions } from './managed-fields/other-versions.ts';
import type { ManagedView } from './managed-fields/view.ts';
import type { ObjectShape } from './schema/shape.ts';
import type { FieldErrors } from './validation/field-errors.ts';
import type { ServedVersion } from './versions/served-version.ts';

export interface Strategy<T extends KubeObject = KubeObject> {
  readonly kind: Kind;
  readonly columns: readonly Column[];
  /** The other versions in which the objects are served, where this is the one that is stored. */
  readonly versions?: readonly ServedVersion[];
  /** How others who write them see the objects. */
  readonly otherVersions?: OtherVersions | undefined;
  /** How the objects are read and merged; absent: as the API's schema has the kind. */
  readonly shape?: ObjectShape;
  /** A strategic merge patch needs to know more of lists than some kinds say. */
  readonly takesStrategicMerge?: false;

  /** The fields that a field selector may name, besides metadata.name and metadata.namespace. */
  readonly fieldNames?: readonly string[] | undefined;
  fieldValue?(object: T, field: string): string;

  /** What is wrong with a name, in Kubernetes' words. */
  nameErrors(name: string): string[];
  /** `metadata.generation` is 1 at first and rises whenever the spec changes. */
  readonly hasGeneration?: boolean;
  /** Whether a change counts for the generation; absent: a change of the spec does. */
  changesGeneration?(object: T, old: T): boolean;
  /** PUT on a name that does not exist creates it. */
  readonly createsOnUpdate?: boolean;
  /** An update must say which resourceVersion it changes. */
  readonly requiresResourceVersion?: boolean;
  readonly deleteCollection?: false;
  /** What DELETE does to dependents when neither the request nor the finalizers say; Background unless given. */
  readonly defaultPropagation?: 'Orphan';

  setDefaults?(object: T): void;
  prepareForCreate?(object: T, ctx: RequestContext, now: string): void;
  prepareForUpdate?(object: T, old: T): void;
  /** Completes a new object by what stands under other keys of the store; `read` gives a key's value as it is now. */
  completeForCreate?(object: T, read: (key: string) => Promise<Buffer | undefined>): Promise<void>;
  /** Whether the object is right in itself: for creates, and for updates, which may leave as it is what was wrong before. */
  validate?(object: T, errors: FieldErrors, old?: T): void;
  /** Whether the change is allowed. */
  validateUpdate?(object: T, old: T, errors: FieldErrors): void;
  /** What the writer should know though the write succeeds; `old`: what it is a change of. */
  warnings?(object: T, old?: T): string[];

  readonly subresources?: { readonly [Name in Subresource]?: SubresourceStrategy<T> };
  readonly actions?: { readonly [Name in ActionSubresource]?: Action };

  /** Given: deletion is graceful. The seconds that this object gets; 0 removes it at once. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number;
  /** Whether something besides metadata.finalizers still keeps a deleted object. */
  heldBack?(object: T): boolean;
  /** Changes the object (a fresh one) as its deletion begins, beyond its metadata. */
  markDeleting?(object: T): void;

  /** Keys to write in the same transaction. */
  also?(current: T | undefined, previous: T | undefined): ExtraPut[];
  readonly allocator?: Allocator<T>;
}

/** One subresource that is read and written in place of the whole object. */
export interface SubresourceStrategy<T extends KubeObject = KubeObject> {
  /** Given: the subresource has a kind of its own. */
  readonly view?: Omit<ManagedView, 'of'> & { of(object: T): KubeObject };
  /** Given: it is a part of the spec, these fields. */
  readonly partOfSpec?: readonly FieldPath[];
  /** The object as it becomes; `incoming` is the caller's, of the view's kind if there is a view. */
  apply(incoming: KubeObject, old: T, now: string): T;
  validate?(object: T, old: T, errors: FieldErrors): void;
}

/** Gives an object things that no other object may have, such as a cluster IP. Each has a key in the store. */
export interface Allocator<T extends KubeObject = KubeObject> {
  /** A copy of `object` with what was missing filled in; `chosen` are the keys that were not asked for by the client. */
  allocate(object: T, old: T | undefined, taken: ReadonlySet<string>): { object: T; chosen: ReadonlySet<string> };
  /** The keys of all that the object has. */
  keysOf(object: T): readonly string[];
  /** What a key holds while the object has it; undefined: only who has it. */
  valueOf?(key: string, object: T): string | undefined;
  /** Says in `errors` that the client asked for what `key` stands for and another object has it. */
  refuse(object: T, key: string, errors: FieldErrors): void;
  /** The prefixes under which all keys stand. */
  readonly prefixes: readonly string[];
}

/** What an action may do with its parent. */
export interface ActionVerbs {
  /** Reads, changes and writes, again while others change the object meanwhile. */
  modify(ctx: RequestContext, name: ObjectName, change: (old: KubeObject) => KubeObject): Promise<Stored>;
  /** Without admission: what was admitted is the action. Where the object stays for a while, as `marked` makes it. */
  deleteAdmitted(
    ctx: RequestContext,
    name: ObjectName,
    options: DeleteOptions,
    marked?: (object: KubeObject) => KubeObject,
  ): Promise<DeleteResult>;
}

export interface Action {
  run(verbs: ActionVerbs, ctx: RequestContext, name: ObjectName, body: KubeObject, now: string): Promise<Status>;
}

/** The status subresource of most resources: only metadata and status are taken from the client. */
export function statusOnly<T extends KubeObject & { status?: unknown }>(
  validate?: (object: T, old: T, errors: FieldErrors) => void,
): SubresourceStrategy<T> {
  const apply = (incoming: T, old: T): T => {
    // Who reports a status late knows of an older deletion, or of none; it does not mean to change that.
    const { deletionTimestamp: _time, deletionGracePeriodSeconds: _grace, ...metadata } = incoming.metadata ?? {};
    return { ...old, metadata, status: incoming.status };
  };
  return validate ? { apply, validate } : { apply };
}

/** The status subresource of newer resources: of the metadata only who manages what is taken, so that labels and finalizers stay. */
export function nothingButStatus<T extends KubeObject & { status?: unknown }>(
  validate?: (object: T, old: T, errors: FieldErrors) => void,
): SubresourceStrategy<T> {
  const apply = (incoming: T, old: T): T => {
    const { managedFields: _known, ...metadata } = old.metadata ?? {};
    const { managedFields } = incoming.metadata ?? {};
    return { ...old, metadata: { ...metadata, ...(managedFields && { managedFields }) }, status: incoming.status };
  };
  return validate ? { apply, validate } : { apply };
}

/** The answer to an action that was done. */
export const success = (): Status => ({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
