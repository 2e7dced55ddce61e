/**
 * Several versions of one resource: all are served, one is stored.
 *
 * The strategy of a resource is that of the version that is stored; its objects are what the store, admission, validation
 * and the garbage collector see. Any other version is a `ServedVersion`: names of its own, and two conversions. A
 * `VersionedResource` over it speaks that version to clients: what they send is decoded by its schema and converted
 * before anything else looks at it, patches are applied to the object as that version shows it, and what is read is
 * converted on its way out. Whoever serves the version that is stored pays nothing for this.
 *
 * A conversion never changes what it is given, keeps the metadata, and loses nothing: what a version has no field for is kept
 * where the way back finds it (Kubernetes does so in annotations). It may be asynchronous (a webhook), and may throw a
 * StatusError.
 */
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { Equivalent } from '../../admission/seen.ts';
import type { Column } from '../context.ts';
import type { ObjectShape } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

export interface ServedVersion {
  /** Its resource is that of the stored kind; group, version and kind may be others. */
  readonly kind: Kind;
  readonly shape: ObjectShape;
  /** For objects of this version. */
  readonly columns: readonly Column[];
  /** The field selectors of this version; `fieldValue` is asked of stored objects. Absent: those of the stored one. */
  readonly fieldNames?: readonly string[];
  fieldValue?(stored: KubeObject, field: string): string;
  /** What this version fills in where nothing is said, before the conversion. Changes the object in place. */
  setDefaults?(object: KubeObject): void;
  /** What this version asks of new objects beyond the rules of the stored one. */
  validateNew?(object: KubeObject, errors: FieldErrors): void;
  /** Objects as stored, in this version; as many, in the same order. */
  fromStored(objects: readonly KubeObject[]): readonly KubeObject[] | Promise<readonly KubeObject[]>;
  /** An object of this version (perhaps a part of one, in a server-side apply) in the stored version. */
  toStored(object: KubeObject): KubeObject | Promise<KubeObject>;
}

/** For admission, which sees what is stored: the ways to this version and back. */
export const equivalentOf = ({ kind, fromStored, toStored }: ServedVersion): Equivalent => ({
  kind,
  to: async (object) => (await fromStored([object]))[0] ?? object,
  back: toStored,
});

/** The columns of the stored version, for objects of another one. */
export function columnsThrough(toStored: (object: KubeObject) => KubeObject, columns: readonly Column[]): Column[] {
  return columns.map((column) => ({ ...column, value: (object, now) => column.value(toStored(object), now) }));
}
