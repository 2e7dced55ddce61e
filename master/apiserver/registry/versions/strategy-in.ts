/**
 * The strategy of a resource in a version that is not the stored one: its objects become those of the stored version for as long as
 * the stored version's rules look at them. So the generic verbs know of one version only, that of their clients.
 */
import { apiVersionOf, type Kind } from '../../../api/kinds.ts';
import type { KubeObject } from '../../../api/types.ts';
import type { OtherVersion } from '../managed-fields/other-versions.ts';
import { shapeOf } from '../schema/shape.ts';
import type { Strategy, SubresourceStrategy } from '../strategy.ts';
import type { ServedVersion } from './served-version.ts';

/** Of the stored version's hooks those count that a strategy with other versions has. Throws an Error where it has one more. */
export function strategyIn(stored: Strategy, version: ServedVersion): Strategy {
  const { kind, columns, shape, fieldNames, fromStored, toStored } = version;
  for (const hook of unconverted) {
    if (stored[hook]) throw new Error(`${stored.kind.resource}: ${hook} has no way through ${apiVersionOf(kind)}`);
  }
  const change = (object: KubeObject, by: (made: KubeObject) => void): void => {
    const made = toStored(object);
    by(made);
    replace(object, fromStored(made));
  };
  const subresources = Object.entries(stored.subresources ?? {}).map(([name, sub]) => [
    name,
    throughStored(sub, version),
  ]);
  const { versions: _, fieldNames: _names, fieldValue: _value, ...same } = stored;
  return {
    ...same,
    kind,
    columns,
    shape,
    fieldNames,
    ...(version.fieldValue && { fieldValue: version.fieldValue }),
    otherVersions: otherVersionsOf(stored, kind),
    subresources: Object.fromEntries(subresources),
    setDefaults: (object) => change(object, (made) => stored.setDefaults?.(made)),
    prepareForCreate: (object, ctx, now) => change(object, (made) => stored.prepareForCreate?.(made, ctx, now)),
    prepareForUpdate: (object, old) => change(object, (made) => stored.prepareForUpdate?.(made, toStored(old))),
    validate(object, errors, old) {
      if (!old) version.validateNew?.(object, errors);
      // As Kubernetes: what the version asks for is asked alone.
      if (!errors.any) stored.validate?.(toStored(object), errors, old && toStored(old));
    },
    validateUpdate: (object, old, errors) => stored.validateUpdate?.(toStored(object), toStored(old), errors),
    warnings: (object, old) => stored.warnings?.(toStored(object), old && toStored(old)) ?? [],
  };
}

const unconverted = [
  ...(['changesGeneration', 'completeForCreate', 'gracePeriodSeconds', 'heldBack', 'markDeleting'] as const),
  ...(['also', 'allocator', 'actions', 'hasGeneration'] as const),
] satisfies (keyof Strategy)[];

function throughStored(sub: SubresourceStrategy, { fromStored, toStored }: ServedVersion): SubresourceStrategy {
  return {
    ...sub,
    apply: (incoming, old, now) => fromStored(sub.apply(toStored(incoming), toStored(old), now)),
    validate: (object, old, errors) => sub.validate?.(toStored(object), toStored(old), errors),
  };
}

/** The versions of a resource besides `kind`, as those who write `kind` see them. */
export function otherVersionsOf(stored: Strategy, kind: Kind): Strategy['otherVersions'] {
  const { versions = [] } = stored;
  const own = versions.find((version) => version.kind === kind);
  const asStored = (object: KubeObject): KubeObject => (own ? own.toStored(object) : object);
  const asOwn = (object: KubeObject): KubeObject => (own ? own.fromStored(object) : object);
  const others = versions.filter((version) => version !== own);
  const rows: [string, OtherVersion][] = others.map((other) => [
    apiVersionOf(other.kind),
    {
      kind: other.kind,
      shape: other.shape,
      of: (object) => other.fromStored(asStored(object)),
      back: (object) => asOwn(other.toStored(object)),
    },
  ]);
  if (own) {
    const shape = stored.shape ?? shapeOf(stored.kind);
    rows.push([apiVersionOf(stored.kind), { kind: stored.kind, shape, of: asStored, back: asOwn }]);
  }
  return new Map(rows);
}

function replace(object: KubeObject, by: KubeObject): void {
  for (const name of Object.keys(object)) if (!Object.hasOwn(by, name)) Reflect.deleteProperty(object, name);
  Object.assign(object, by);
}
