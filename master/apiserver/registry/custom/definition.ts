/**
 * CustomResourceDefinitions themselves (apiextensions.k8s.io/v1): what they must say, what is filled in, and what may change.
 * Whether its names are accepted and its kind is served is decided afterwards, by `conditions.ts`.
 */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual, setCondition } from '../../../api/meta.ts';
import { isDns1035Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { nameColumn } from '../columns/common.ts';
import { type Strategy, statusOnly } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { approvalAnnotation, approvalOf, isEstablished } from './conditions.ts';
import { conversionErrors } from './conversion-config.ts';
import type { Definition, DefinitionNames, DefinitionSpec, DefinitionVersion } from './definition-types.ts';
import { compileRules, forbidCostlyRules } from './rules.ts';
import { readSchema } from './schema.ts';
import { validateSchema } from './structural.ts';
import { validateVersionParts } from './version-parts.ts';

/** Keeps a deleted definition until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export const definitionStrategy: Strategy<Definition> = {
  kind: kinds.customresourcedefinitions,
  columns: [
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      description: 'CreationTimestamp is the server time at which this object was created, in the form of RFC 3339.',
      priority: 0,
      value: ({ metadata }) => metadata?.creationTimestamp ?? '<unknown>',
    },
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  requiresResourceVersion: true,

  setDefaults({ spec }) {
    if (!spec?.names) return;
    spec.names.singular ||= spec.names.kind?.toLowerCase() ?? '';
    spec.names.listKind ||= `${spec.names.kind ?? ''}List`;
    spec.conversion ??= { strategy: 'None' };
    const { webhook } = spec.conversion;
    if (webhook?.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  },
  prepareForCreate(definition) {
    definition.status = {
      conditions: [],
      acceptedNames: { plural: '', kind: '' },
      storedVersions: storageVersions(definition.spec),
    };
  },
  prepareForUpdate(definition, old) {
    const stored = old.status?.storedVersions ?? [];
    const more = storageVersions(definition.spec).filter((name) => !stored.includes(name));
    definition.status = { ...old.status, storedVersions: [...stored, ...more] };
  },
  validate: validateDefinition,
  validateUpdate(definition, old, errors) {
    const { spec, status } = definition;
    // What is missing was told of already.
    if (!spec?.names || !spec.versions) return;
    errors.immutable('spec.group', spec.group, spec.group === old.spec.group);
    errors.immutable('spec.names.plural', spec.names.plural, spec.names.plural === old.spec.names.plural);
    if (isEstablished(old)) {
      errors.immutable('spec.scope', spec.scope, spec.scope === old.spec.scope);
      errors.immutable('spec.names.kind', spec.names.kind, spec.names.kind === old.spec.names.kind);
    }
    (status?.storedVersions ?? []).forEach((name, index) => {
      if (spec.versions.some((version) => version.name === name)) return;
      errors.invalid(`status.storedVersions[${index}]`, name, 'must appear in spec.versions');
    });
  },
  subresources: {
    status: statusOnly<Definition>((definition, _old, errors) => {
      const stored = definition.status?.storedVersions ?? [];
      if (stored.length === 0) errors.invalid('status.storedVersions', stored, 'must have at least one stored version');
      for (const name of storageVersions(definition.spec)) {
        if (!stored.includes(name)) {
          errors.invalid('status.storedVersions', stored, `must have the storage version ${name}`);
        }
      }
    }),
  },
  // A deletion always begins by waiting for the objects.
  heldBack: ({ metadata }) => metadata?.deletionTimestamp === undefined,
  markDeleting(definition) {
    const { metadata } = definition;
    if (!metadata?.deletionTimestamp || metadata.finalizers?.includes(cleanupFinalizer)) return;
    metadata.finalizers = [...(metadata.finalizers ?? []), cleanupFinalizer];
    const conditions = setCondition(
      definition.status?.conditions ?? [],
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      metadata.deletionTimestamp,
    );
    definition.status = { ...definition.status, conditions };
  },
};

const storageVersions = (spec: DefinitionSpec | undefined): string[] =>
  (spec?.versions ?? []).filter(({ storage }) => storage).map(({ name }) => name);

function validateDefinition(definition: Definition, errors: FieldErrors, old?: Definition): void {
  const { spec, metadata } = definition;
  if (!spec?.names) {
    errors.required('spec');
    return;
  }
  const { group = '', names, scope = '', versions = [] } = spec;
  if (metadata?.name !== `${names.plural}.${group}`) {
    errors.invalid('metadata.name', metadata?.name ?? '', 'must be spec.names.plural+"."+spec.group');
  }
  if (group === '') errors.required('spec.group');
  else if (isDns1123Subdomain(group).length > 0) errors.invalidFor('spec.group', group, isDns1123Subdomain(group));
  else if (!group.includes('.')) errors.invalid('spec.group', group, 'should be a domain with at least one dot');
  validateApproval(definition, errors);
  if (scope === '') errors.required('spec.scope');
  else if (scope !== 'Cluster' && scope !== 'Namespaced')
    errors.notSupported('spec.scope', scope, ['Cluster', 'Namespaced']);
  if (spec.preserveUnknownFields === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.invalid('spec.preserveUnknownFields', true, why);
  }
  validateNames(names, 'spec.names', errors);
  validateVersions(versions, errors, old?.spec?.versions ?? []);
  conversionErrors(spec.conversion, errors);
}

function validateVersions(
  versions: readonly DefinitionVersion[],
  errors: FieldErrors,
  before: readonly DefinitionVersion[],
): void {
  const names = versions.map(({ name = '' }) => name);
  if (versions.length === 0) errors.required('spec.versions', 'must have at least one version');
  if (new Set(names).size < names.length) errors.invalid('spec.versions', names, 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.invalid('spec.versions', names, 'must have exactly one version marked as storage version');
  }
  versions.forEach((version, index) => {
    const path = `spec.versions[${index}]`;
    if (!version.name) errors.required(`${path}.name`);
    else errors.invalidFor(`${path}.name`, version.name, isDns1035Label(version.name));
    const schemaPath = `${path}.schema.openAPIV3Schema`;
    const known = errors.causes.length;
    validateSchema(version.schema?.openAPIV3Schema, schemaPath, errors);
    if (errors.causes.length > known) return;
    const schema = readSchema(version.schema?.openAPIV3Schema);
    const rules = compileRules(schema, (place, value, why) => errors.invalid(`${schemaPath}.${place}`, value, why));
    // What was taken once is taken again.
    const same = before.some(({ name, schema: was }) => name === version.name && deepEqual(was, version.schema));
    if (rules && !same) {
      forbidCostlyRules(rules, (place, why) =>
        errors.forbidden(place === '' ? schemaPath : `${schemaPath}.${place}`, why),
      );
    }
    validateVersionParts(version, schema, path, errors);
  });
}

function validateNames(names: DefinitionNames, path: string, errors: FieldErrors): void {
  const { plural = '', singular = '', kind = '', listKind = '', shortNames = [], categories = [] } = names;
  const named = (field: string, value: string, text = value): void => {
    if (value === '') {
      errors.required(`${path}.${field}`);
      return;
    }
    const messages = isDns1035Label(text);
    const mixed = text === value ? '' : 'may have mixed case, but should otherwise match: ';
    for (const message of messages) errors.invalid(`${path}.${field}`, value, mixed + message);
  };
  named('plural', plural);
  named('singular', singular);
  named('kind', kind, kind.toLowerCase());
  named('listKind', listKind, listKind.toLowerCase());
  for (const [index, name] of shortNames.entries()) named(`shortNames[${index}]`, name);
  for (const [index, name] of categories.entries()) named(`categories[${index}]`, name);
  if (kind !== '' && kind === listKind) {
    errors.invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same');
  }
}

function validateApproval(definition: Definition, errors: FieldErrors): void {
  const { needed, given } = approvalOf(definition);
  if (!needed) return;
  const field = `metadata.annotations[${approvalAnnotation}]`;
  if (given === '') {
    errors.required(
      field,
      `protected groups must have approval annotation "${approvalAnnotation}", see https://github.com/kubernetes/enhancements/pull/1111`,
    );
  } else if (!given.startsWith('unapproved') && !URL.canParse(given)) {
    errors.invalid(
      field,
      given,
      `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111`,
    );
  }
}

/** Whether two definitions are served the same way, so that what serves the one can go on serving the other. */
export const servesSame = (a: Definition, b: Definition): boolean =>
  deepEqual(a.spec, b.spec) &&
  deepEqual(a.status?.acceptedNames, b.status?.acceptedNames) &&
  isEstablished(a) === isEstablished(b) &&
  a.metadata?.uid === b.metadata?.uid;
