/** Roles and bindings, within a namespace and for the whole cluster. What they come to mean is not decided here (auth/rbac). */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  KubeObject,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn, wideColumn } from '../columns/common.ts';
import type { Column } from '../context.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateLabelSelector } from '../validation/label-selector.ts';
import { pathSegmentErrors } from '../validation/metadata.ts';

const rbacGroup = kinds.roles.group;

type AnyBinding = RoleBinding | ClusterRoleBinding;

/** Names such as `system:node` are well: any name that can stand in a path. */
const anyName = (): string[] => [];

const createdAtColumn: Column = {
  name: 'Created At',
  type: 'string',
  description: 'The server time at which this object was created.',
  priority: 0,
  value: ({ metadata }: KubeObject) => metadata?.creationTimestamp ?? '<unknown>',
};

const bindingColumns: readonly Column[] = [
  nameColumn,
  column<AnyBinding>('Role', 'The role that is granted.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
  ageColumn,
  subjectColumn('Users', 'User', ({ name }) => name),
  subjectColumn('Groups', 'Group', ({ name }) => name),
  subjectColumn('ServiceAccounts', 'ServiceAccount', ({ namespace = '', name }) => `${namespace}/${name}`),
];

export const roleStrategy: Strategy<Role> = {
  kind: kinds.roles,
  columns: [nameColumn, createdAtColumn],
  nameErrors: anyName,
  createsOnUpdate: true,
  validate({ rules = [] }, errors) {
    rules.forEach((rule, index) => {
      validateRule(rule, `rules[${index}]`, true, errors);
    });
  },
};

export const clusterRoleStrategy: Strategy<ClusterRole> = {
  kind: kinds.clusterroles,
  columns: [nameColumn, createdAtColumn],
  nameErrors: anyName,
  createsOnUpdate: true,
  validate({ rules = [], aggregationRule }, errors) {
    rules.forEach((rule, index) => {
      validateRule(rule, `rules[${index}]`, false, errors);
    });
    (aggregationRule?.clusterRoleSelectors ?? []).forEach((selector, index) => {
      validateLabelSelector(selector, `aggregationRule.clusterRoleSelectors[${index}]`, errors);
    });
    if (aggregationRule && !aggregationRule.clusterRoleSelectors?.length) {
      errors.required(
        'aggregationRule.clusterRoleSelectors',
        'at least one clusterRoleSelector required if aggregationRule is non-nil',
      );
    }
  },
};

export const roleBindingStrategy: Strategy<RoleBinding> = {
  kind: kinds.rolebindings,
  ...bindingStrategy(['Role', 'ClusterRole']),
};

export const clusterRoleBindingStrategy: Strategy<ClusterRoleBinding> = {
  kind: kinds.clusterrolebindings,
  ...bindingStrategy(['ClusterRole']),
};

function bindingStrategy(roleKinds: readonly string[]): Omit<Strategy<AnyBinding>, 'kind' | 'shape'> {
  return {
    columns: bindingColumns,
    nameErrors: anyName,
    createsOnUpdate: true,
    setDefaults(binding) {
      binding.roleRef ??= { apiGroup: '', kind: '', name: '' };
      binding.roleRef.apiGroup ||= rbacGroup;
      for (const subject of binding.subjects ?? []) {
        if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = rbacGroup;
      }
    },
    validate({ roleRef, subjects = [] }, errors) {
      if (roleRef.apiGroup !== rbacGroup) errors.notSupported('roleRef.apiGroup', roleRef.apiGroup, [rbacGroup]);
      if (!roleKinds.includes(roleRef.kind)) errors.notSupported('roleRef.kind', roleRef.kind ?? '', roleKinds);
      if (!roleRef.name) errors.required('roleRef.name');
      else errors.invalidFor('roleRef.name', roleRef.name, pathSegmentErrors(roleRef.name, anyName));
      subjects.forEach((subject, index) => {
        validateSubject(subject, `subjects[${index}]`, errors);
      });
    },
    validateUpdate({ roleRef }, old, errors) {
      if (!deepEqual(roleRef, old.roleRef)) errors.invalid('roleRef', roleRef, 'cannot change roleRef');
    },
  };
}

function validateRule(rule: PolicyRule, field: string, namespaced: boolean, errors: FieldErrors): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  if (verbs.length === 0) errors.required(`${field}.verbs`, 'verbs must contain at least one value');
  if (nonResourceURLs.length > 0) {
    const at = `${field}.nonResourceURLs`;
    if (namespaced) errors.invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs');
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      errors.invalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs');
    }
    return;
  }
  if (apiGroups.length === 0)
    errors.required(`${field}.apiGroups`, 'resource rules must supply at least one api group');
  if (resources.length === 0) errors.required(`${field}.resources`, 'resource rules must supply at least one resource');
}

function validateSubject({ kind, apiGroup = '', name, namespace }: Subject, field: string, errors: FieldErrors): void {
  if (!name) errors.required(`${field}.name`);
  switch (kind) {
    case 'ServiceAccount':
      if (name) errors.invalidFor(`${field}.name`, name, isDns1123Subdomain(name));
      if (apiGroup !== '') errors.notSupported(`${field}.apiGroup`, apiGroup, ['']);
      if (!namespace) errors.required(`${field}.namespace`);
      break;
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) errors.notSupported(`${field}.apiGroup`, apiGroup, [rbacGroup]);
      break;
    default:
      errors.notSupported(`${field}.kind`, kind ?? '', ['ServiceAccount', 'User', 'Group']);
  }
}

function subjectColumn(name: string, kind: string, text: (subject: Subject) => string): Column {
  const described = `${name} in the RoleBinding`;
  return wideColumn<AnyBinding>(name, described, ({ subjects = [] }) =>
    subjects
      .filter((subject) => subject.kind === kind)
      .map(text)
      .join(', '),
  );
}
