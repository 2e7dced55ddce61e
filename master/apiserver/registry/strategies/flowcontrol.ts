/** flowcontrol.apiserver.k8s.io/v1: which requests go to which level of priority, and what each level gets. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual } from '../../../api/meta.ts';
import type { FlowSchema, PriorityLevelConfiguration } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, nameColumn } from '../columns/common.ts';
import { nothingButStatus, type Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { validateOneOf } from '../validation/numbers.ts';
import { withStatus } from './with-status.ts';

type Level = PriorityLevelConfiguration;
type Limited = NonNullable<NonNullable<Level['spec']>['limited']>;
type Rules = NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number];

const lastPrecedence = 10_000;
const exempt = 'exempt';
const catchAll = 'catch-all';

/** What no cluster is without: what is never held up, and what nobody else wants. */
export const mandatoryLevels: readonly Level[] = [
  { metadata: named(exempt), spec: { type: 'Exempt', exempt: { lendablePercent: 0, nominalConcurrencyShares: 0 } } },
  {
    metadata: named(catchAll),
    spec: {
      type: 'Limited',
      limited: { lendablePercent: 0, limitResponse: { type: 'Reject' }, nominalConcurrencyShares: 5 },
    },
  },
];

export const mandatoryFlowSchemas: readonly FlowSchema[] = [
  {
    metadata: named(exempt),
    spec: {
      matchingPrecedence: 1,
      priorityLevelConfiguration: { name: exempt },
      rules: [everything(['system:masters'])],
    },
  },
  {
    metadata: named(catchAll),
    spec: {
      distinguisherMethod: { type: 'ByUser' },
      matchingPrecedence: lastPrecedence,
      priorityLevelConfiguration: { name: catchAll },
      rules: [everything(['system:unauthenticated', 'system:authenticated'])],
    },
  },
];

function named(name: string): NonNullable<Level['metadata']> {
  return { name, annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } };
}

function everything(groups: string[]): Rules {
  return {
    subjects: groups.map((name) => ({ kind: 'Group', group: { name } })),
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  };
}

export const flowSchemaStrategy: Strategy<FlowSchema> = {
  kind: kinds.flowschemas,
  columns: [
    nameColumn,
    column<FlowSchema>(
      'PriorityLevel',
      'The level that the requests go to.',
      ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
    ),
    column<FlowSchema>('MatchingPrecedence', 'Schemas with lower numbers are asked first.', ({ spec }) =>
      String(spec?.matchingPrecedence ?? 0),
    ),
    column<FlowSchema>(
      'DistinguisherMethod',
      'What makes a flow of its own.',
      ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>',
    ),
    ageColumn,
    column<FlowSchema>(
      'MissingPL',
      'references a broken or non-existent PriorityLevelConfiguration',
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<FlowSchema>(() => ({})),
  subresources: { status: nothingButStatus<FlowSchema>() },
  setDefaults({ spec }) {
    if (spec) spec.matchingPrecedence ??= 1000;
  },
  validate({ metadata, spec }, errors) {
    const { name = '' } = metadata ?? {};
    const { matchingPrecedence = 0, priorityLevelConfiguration, distinguisherMethod, rules = [] } = spec ?? {};
    validateMandatory(mandatoryFlowSchemas, name, spec, errors);
    if (matchingPrecedence <= 0)
      errors.invalid('spec.matchingPrecedence', matchingPrecedence, 'must be a positive value');
    if (matchingPrecedence > lastPrecedence) {
      errors.invalid('spec.matchingPrecedence', matchingPrecedence, `must not be greater than ${lastPrecedence}`);
    }
    if (matchingPrecedence === 1 && name !== exempt) {
      errors.invalid(
        'spec.matchingPrecedence',
        matchingPrecedence,
        "only the schema named 'exempt' may have matchingPrecedence 1",
      );
    }
    if (distinguisherMethod) {
      validateOneOf(distinguisherMethod.type ?? '', ['ByNamespace', 'ByUser'], 'spec.distinguisherMethod', errors);
    }
    const field = 'spec.priorityLevelConfiguration.name';
    if (!priorityLevelConfiguration?.name) errors.required(field, 'must reference a priority level');
    else errors.invalidFor(field, priorityLevelConfiguration.name, isDns1123Subdomain(priorityLevelConfiguration.name));
    rules.forEach((rule, index) => {
      validateRules(rule, `spec.rules[${index}]`, errors);
    });
  },
};

const subjectKinds = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' } as const;
const isSubjectKind = (kind: string): kind is keyof typeof subjectKinds => Object.hasOwn(subjectKinds, kind);

function validateRules(
  { subjects = [], resourceRules = [], nonResourceRules = [] }: Rules,
  field: string,
  errors: FieldErrors,
): void {
  if (subjects.length === 0) errors.required(`${field}.subjects`, 'subjects must contain at least one value');
  subjects.forEach((subject, index) => {
    const at = `${field}.subjects[${index}]`;
    const { kind = '' } = subject;
    if (!isSubjectKind(kind)) {
      errors.notSupported(`${at}.kind`, kind, Object.keys(subjectKinds));
      return;
    }
    const part = subjectKinds[kind];
    if (!subject[part]) errors.required(`${at}.${part}`, `${part} is required when subject kind is '${kind}'`);
    else if (!subject[part]?.name) errors.required(`${at}.${part}.name`);
    for (const other of Object.values(subjectKinds)) {
      if (other !== part && subject[other]) {
        errors.forbidden(`${at}.${other}`, `${other} is forbidden when subject kind is not '${kindOf(other)}'`);
      }
    }
  });
  if (resourceRules.length + nonResourceRules.length === 0) {
    errors.required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  }
  resourceRules.forEach((rule, index) => {
    const at = `${field}.resourceRules[${index}]`;
    for (const part of ['verbs', 'apiGroups', 'resources'] as const) {
      const what = part === 'apiGroups' ? 'resource rules must supply at least one api group' : undefined;
      if (!rule[part]?.length) errors.required(`${at}.${part}`, what ?? `${part} must contain at least one value`);
      validateWildcard(rule[part] ?? [], `${at}.${part}`, errors);
    }
    if (!rule.clusterScope && !rule.namespaces?.length) {
      errors.required(
        `${at}.namespaces`,
        'resource rules that are not cluster scoped must supply at least one namespace',
      );
    }
  });
  nonResourceRules.forEach((rule, index) => {
    const at = `${field}.nonResourceRules[${index}]`;
    for (const part of ['verbs', 'nonResourceURLs'] as const) {
      if (!rule[part]?.length) errors.required(`${at}.${part}`, `${part} must contain at least one value`);
      validateWildcard(rule[part] ?? [], `${at}.${part}`, errors);
    }
    (rule.nonResourceURLs ?? []).forEach((url, number) => {
      validateUrl(url, `${at}.nonResourceURLs[${number}]`, errors);
    });
  });
}

/** A path of the server, or all that begin with it. */
function validateUrl(url: string, field: string, errors: FieldErrors): void {
  if (url === '*' || url === '/') return;
  if (url === '') errors.invalid(field, url, 'must not be empty');
  else if (!url.startsWith('/')) errors.invalid(field, url, 'must start with slash');
  else if (url.includes(' ')) errors.invalid(field, url, 'must not contain white-space');
  else if (url.includes('//')) errors.invalid(field, url, 'must not contain double slash');
  else if (url.replace(/\/\*$/, '').includes('*')) {
    errors.invalid(field, url, 'wildcard can only do suffix matching');
  }
}

const kindOf = (part: string): string => Object.entries(subjectKinds).find(([, name]) => name === part)?.[0] ?? '';

function validateWildcard(values: readonly string[], field: string, errors: FieldErrors): void {
  if (values.length > 1 && values.includes('*')) {
    errors.invalid(field, values, "if '*' is present, must not specify other values");
  }
}

const whenQueued = ({ spec }: Level, field: 'queues' | 'handSize' | 'queueLengthLimit'): string => {
  const value = spec?.limited?.limitResponse?.queuing?.[field];
  return value === undefined ? '<none>' : String(value);
};

export const priorityLevelStrategy: Strategy<Level> = {
  kind: kinds.prioritylevelconfigurations,
  columns: [
    nameColumn,
    column<Level>('Type', 'Whether the level is limited.', ({ spec }) => spec?.type ?? ''),
    column<Level>('NominalConcurrencyShares', 'The share of the server that the level has.', ({ spec }) => {
      const shares = spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares;
      return shares === undefined ? '<none>' : String(shares);
    }),
    column<Level>('Queues', 'How many queues there are.', (level) => whenQueued(level, 'queues')),
    column<Level>('HandSize', 'Of how many queues a flow may choose.', (level) => whenQueued(level, 'handSize')),
    column<Level>('QueueLengthLimit', 'How many requests wait in a queue.', (level) =>
      whenQueued(level, 'queueLengthLimit'),
    ),
    ageColumn,
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<Level>(() => ({})),
  subresources: { status: nothingButStatus<Level>() },
  setDefaults({ spec }) {
    if (spec?.limited) {
      spec.limited.nominalConcurrencyShares ??= 30;
      spec.limited.lendablePercent ??= 0;
      const { queuing } = spec.limited.limitResponse ?? {};
      if (queuing) {
        queuing.queues ??= 64;
        queuing.handSize ??= 8;
        queuing.queueLengthLimit ??= 50;
      }
    }
    if (spec?.type === 'Exempt') {
      spec.exempt = { nominalConcurrencyShares: 0, lendablePercent: 0, ...spec.exempt };
    }
  },
  validate({ metadata, spec }, errors) {
    const { name = '' } = metadata ?? {};
    const { type = '', limited, exempt: free } = spec ?? {};
    if (name === exempt) {
      if (type !== 'Exempt') errors.invalid('spec.type', type, `must be Exempt if metadata.name is ${exempt}`);
    } else validateMandatory(mandatoryLevels, name, spec, errors);
    if (type === 'Exempt') {
      if (name !== exempt) errors.invalid('spec.type', type, `must not be Exempt unless metadata.name is ${exempt}`);
      if (limited) errors.forbidden('spec.limited', 'must be nil if the type is not Limited');
      validatePercent(free?.lendablePercent, 'spec.exempt.lendablePercent', errors);
    } else if (type === 'Limited') {
      if (free) errors.forbidden('spec.exempt', 'must be nil if the type is Limited');
      if (!limited) errors.required('spec.limited', 'must not be empty when type is Limited');
      else validateLimited(limited, errors);
    } else errors.notSupported('spec.type', type, ['Exempt', 'Limited']);
  },
};

function validateLimited(
  { nominalConcurrencyShares = 0, lendablePercent, borrowingLimitPercent, limitResponse }: Limited,
  errors: FieldErrors,
): void {
  const field = 'spec.limited';
  if (nominalConcurrencyShares < 0) {
    errors.invalid(`${field}.nominalConcurrencyShares`, nominalConcurrencyShares, 'must be a non-negative integer');
  }
  validatePercent(lendablePercent, `${field}.lendablePercent`, errors);
  if (borrowingLimitPercent !== undefined && borrowingLimitPercent < 0) {
    errors.invalid(
      `${field}.borrowingLimitPercent`,
      borrowingLimitPercent,
      'if specified, must be a non-negative integer',
    );
  }
  const { type = '', queuing } = limitResponse ?? {};
  const at = `${field}.limitResponse`;
  if (type === 'Reject') {
    if (queuing) errors.forbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited');
  } else if (type === 'Queue') {
    if (!queuing) {
      errors.required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited');
      return;
    }
    const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
    for (const [name, value] of Object.entries({ queueLengthLimit, queues, handSize })) {
      if (value <= 0) errors.invalid(`${at}.queuing.${name}`, value, 'must be positive');
    }
    if (handSize > queues) {
      errors.invalid(`${at}.queuing.handSize`, handSize, `should not be greater than queues (${queues})`);
    }
  } else errors.notSupported(`${at}.type`, type, ['Queue', 'Reject']);
}

function validatePercent(value: number | undefined, field: string, errors: FieldErrors): void {
  if (value !== undefined && (value < 0 || value > 100)) {
    errors.invalid(field, value, 'must be between 0 and 100, inclusive');
  }
}

/** What is mandatory has the spec that it has. */
function validateMandatory(
  mandatory: readonly { readonly metadata?: { readonly name?: string }; readonly spec?: object }[],
  name: string,
  spec: object | undefined,
  errors: FieldErrors,
): void {
  const fixed = mandatory.find(({ metadata }) => metadata?.name === name);
  if (fixed && !deepEqual(spec, fixed.spec)) {
    errors.invalid('spec', spec, `spec of '${name}' must equal the fixed value`);
  }
}
