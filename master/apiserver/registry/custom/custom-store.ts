/** The store as one version of a definition sees it: what its schema does not know is not there, and what is missing has its default. */
import type { KubeObject } from '../../../api/types.ts';
import type { Store } from '../../store/types.ts';
import { isRecord } from '../schema/shape.ts';
import { type Convert, VersionedStore } from '../versions/versioned-store.ts';
import { hasDefaults, prune, setDefaults } from './decoding.ts';
import type { Definition } from './definition-types.ts';
import { readSchema } from './schema.ts';
import type { CustomVersion } from './strategy.ts';

/** `convert`: absent, the versions differ in nothing but their name and schema. */
export function customStore(
  store: Store,
  { spec }: Definition,
  { kind, schema }: CustomVersion,
  convert: Convert | undefined,
): VersionedStore {
  const storage = spec.versions.find((version) => version.storage);
  const storageVersion = `${spec.group}/${storage?.name ?? kind.version}`;
  const storageSchema = readSchema(storage?.schema?.openAPIV3Schema);
  const pruned = (known: typeof schema, object: KubeObject): KubeObject => {
    const kept = structuredClone(object);
    if (isRecord(kept)) prune(known, kept);
    return kept;
  };
  return new VersionedStore(store, {
    kind,
    storageVersion,
    convert,
    completesOwn: hasDefaults(schema),
    shown(object) {
      const made = pruned(schema, object);
      setDefaults(schema, made);
      return made;
    },
    // What the storage version has no field for is not kept.
    kept: (object) => ({ ...pruned(storageSchema, object), apiVersion: storageVersion }),
  });
}
