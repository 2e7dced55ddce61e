/**
 * Several versions of one resource: all are served, one is stored. Any other than the stored one has names of its own, and two
 * conversions; with these its strategy is made (`strategy-in.ts`), and the store of its objects (`versioned-store.ts`). Whoever serves
 * the version that is stored pays nothing for this.
 *
 * A conversion never changes what it is given, keeps the metadata, and loses nothing: what a version has no field for is kept
 * where the way back finds it (Kubernetes does so in annotations).
 */
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { Column } from '../context.ts';
import type { ObjectShape } from '../schema/shape.ts';
import type { FieldErrors } from '../validation/field-errors.ts';

export interface ServedVersion {
  /** Its resource is that of the stored kind; group, version and kind may be others. */
  readonly kind: Kind;
  readonly shape: ObjectShape;
  /** For objects of this version. */
  readonly columns: readonly Column[];
  /** The field selectors of this version; absent: there are none. */
  readonly fieldNames?: readonly string[];
  fieldValue?(object: KubeObject, field: string): string;
  /** What this version asks of new objects beyond the rules of the stored one. */
  validateNew?(object: KubeObject, errors: FieldErrors): void;
  /** An object as stored, in this version. */
  fromStored(object: KubeObject): KubeObject;
  /** An object of this version (perhaps a part of one, in a server-side apply) in the stored version. */
  toStored(object: KubeObject): KubeObject;
}

/** The columns of the stored version, for objects of another one. */
export function columnsThrough(toStored: (object: KubeObject) => KubeObject, columns: readonly Column[]): Column[] {
  return columns.map((column) => ({ ...column, value: (object, now) => column.value(toStored(object), now) }));
}
