/**
 * The other versions of the same objects. Who manages what is noted in the version that he wrote in, so what a set of fields is
 * compared with is converted into its version, as Kubernetes does it.
 */
import type { Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { ObjectShape } from '../schema/shape.ts';

export interface OtherVersion {
  readonly kind: Kind;
  readonly shape: ObjectShape;
  /** The conversions never change what they are given. */
  of(object: KubeObject): KubeObject;
  back(object: KubeObject): KubeObject;
}

/** By `<group>/<version>`. */
export type OtherVersions = ReadonlyMap<string, OtherVersion>;
