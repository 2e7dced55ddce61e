/** A version of a definition as a strategy: what the generic verbs need to know of it. */
import type { Kind, Subresource } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { KubeObject, Scale } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import type { ObjectShape } from '../schema/shape.ts';
import { scaleMetadata } from '../strategies/scale.ts';
import { nothingButStatus, type Strategy, type SubresourceStrategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateNotNegative } from '../validation/numbers.ts';
import { columnsOf } from './columns.ts';
import { customShape } from './custom-shape.ts';
import { hasDefaults, setDefaults } from './decoding.ts';
import type { Definition, DefinitionVersion } from './definition-types.ts';
import { fieldNames, parseJsonPath, valueAt, withValueAt } from './json-path.ts';
import { compileRules, type RuleTree, validateRules } from './rules.ts';
import { readSchema, type Schema } from './schema.ts';
import { validateValue } from './values.ts';

/** A row for a kind that is not in the table of kinds. */
export interface CustomKind extends Kind {
  readonly custom: {
    /** The openAPIV3Schema as the definition has it. */
    readonly schema: unknown;
    readonly deprecationWarning: string | undefined;
  };
}

export const isCustomKind = (kind: Kind): kind is CustomKind => 'custom' in kind;

/** Everything that one version of a definition is. */
export interface CustomVersion {
  readonly kind: CustomKind;
  readonly schema: Schema;
  readonly shape: ObjectShape;
  readonly strategy: Strategy;
}

interface Custom extends KubeObject {
  spec?: unknown;
  status?: unknown;
}

export function customVersion(definition: Definition, version: DefinitionVersion): CustomVersion {
  const kind = kindOf(definition, version);
  const schema = readSchema(version.schema?.openAPIV3Schema);
  const shape = customShape(schema, `${kind.group}.${kind.version}.${kind.kind}`);
  return { kind, schema, shape, strategy: strategyOf(kind, schema, shape, version) };
}

function strategyOf(kind: CustomKind, schema: Schema, shape: ObjectShape, version: DefinitionVersion): Strategy {
  // Compiled when first needed: there may be many definitions whose objects nobody writes here.
  let compiled: { readonly rules: RuleTree | undefined } | undefined;
  const defaults = hasDefaults(schema);
  const { status, scale } = version.subresources ?? {};
  const selectable = (version.selectableFields ?? []).map(({ jsonPath }) => parseJsonPath(jsonPath));
  const selectableNames = selectable.map((path) => fieldNames(path)?.join('.') ?? '');
  const warning = kind.custom.deprecationWarning;

  const validate = (object: KubeObject, errors: FieldErrors, old?: KubeObject): void => {
    const before = errors.causes.length;
    const was = old && { value: old };
    validateValue(schema, object, was, '', errors);
    if (errors.causes.length > before) return;
    compiled ??= { rules: compileRules(schema) };
    if (compiled.rules) validateRules(compiled.rules, object, was, '', errors);
  };
  return {
    kind,
    columns: columnsOf(version),
    shape,
    takesStrategicMerge: false,
    hasGeneration: true,
    createsOnUpdate: false,
    requiresResourceVersion: true,
    nameErrors: isDns1123Subdomain,
    fieldNames: selectableNames,
    fieldValue(object, field) {
      const path = selectable[selectableNames.indexOf(field)];
      const value = path && valueAt(path, object);
      return value === undefined || value === null ? '' : String(value);
    },
    changesGeneration: (object, old) =>
      !deepEqual(withoutOuter(object, status !== undefined), withoutOuter(old, status !== undefined)),
    ...(defaults && { setDefaults: (object: KubeObject) => setDefaults(schema, object) }),
    ...(status !== undefined && {
      prepareForCreate: (object: Custom): void => {
        delete object.status;
      },
      prepareForUpdate: (object: Custom, old: Custom): void => {
        if (old.status === undefined) delete object.status;
        else object.status = old.status;
      },
    }),
    validate,
    ...(warning !== undefined && { warnings: () => [warning] }),
    subresources: {
      ...(status !== undefined && {
        status: nothingButStatus<Custom>((object, old, errors) => validate(object, errors, old)),
      }),
      ...(scale && { scale: scaleSubresource(scale, validate) }),
    },
  };
}

/** What of an object counts for its generation. */
function withoutOuter(object: Custom, hasStatus: boolean): object {
  const { metadata: _m, status, apiVersion: _a, kind: _k, ...rest } = object;
  return hasStatus ? rest : { ...rest, status };
}

type ScalePaths = NonNullable<NonNullable<DefinitionVersion['subresources']>['scale']>;

function scaleSubresource(
  paths: ScalePaths,
  validate: (object: KubeObject, errors: FieldErrors, old?: KubeObject) => void,
): SubresourceStrategy {
  const wanted = parseJsonPath(paths.specReplicasPath);
  const present = parseJsonPath(paths.statusReplicasPath);
  const selector = paths.labelSelectorPath ? parseJsonPath(paths.labelSelectorPath) : undefined;
  const wantedNames = fieldNames(wanted) ?? [];
  const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
  return {
    view: {
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      of: (object): Scale => {
        const labels = selector && valueAt(selector, object);
        return {
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: scaleMetadata(object.metadata),
          spec: { replicas: count(valueAt(wanted, object)) },
          status: {
            replicas: count(valueAt(present, object)),
            ...(typeof labels === 'string' && labels !== '' && { selector: labels }),
          },
        };
      },
      field: { here: ['spec', 'replicas'], inObject: wantedNames },
    },
    apply: (incoming: Scale, old) => {
      const { resourceVersion } = incoming.metadata ?? {};
      const metadata = { ...old.metadata, ...(resourceVersion ? { resourceVersion } : {}) };
      return withValueAt({ ...old, metadata }, wantedNames, incoming.spec?.replicas ?? 0);
    },
    validate(object, old, errors) {
      validateNotNegative(count(valueAt(wanted, object)), 'spec.replicas', errors);
      validate(object, errors, old);
    },
  };
}

function kindOf({ spec, status }: Definition, version: DefinitionVersion): CustomKind {
  const names = status?.acceptedNames ?? spec.names;
  const verbs = ['get', 'patch', 'update'];
  const { status: hasStatus, scale } = version.subresources ?? {};
  const subresources: Subresource[] = [
    ...(hasStatus === undefined ? [] : [{ name: 'status', verbs }]),
    ...(scale ? [{ name: 'scale', verbs, kind: 'Scale', group: 'autoscaling', version: 'v1' }] : []),
  ];
  const { group } = spec;
  const { kind, plural, singular = '', listKind, shortNames = [], categories = [] } = names;
  const deprecated = `${group}/${version.name} ${kind} is deprecated`;
  return {
    kind,
    resource: plural,
    singular,
    group,
    version: version.name,
    namespaced: spec.scope === 'Namespaced',
    shortNames,
    categories,
    subresources,
    ...(listKind && { listKind }),
    storedAs: `${plural}.${group}`,
    custom: {
      schema: version.schema?.openAPIV3Schema,
      deprecationWarning: version.deprecated ? (version.deprecationWarning ?? deprecated) : undefined,
    },
  };
}
