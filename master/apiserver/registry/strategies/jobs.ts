/** Jobs (batch/v1). A job's selector is made for it, so that no two jobs count the same pods. */
import { kinds } from '../../../api/kinds.ts';
import { deepEqual, getCondition } from '../../../api/meta.ts';
import type { Job, PodTemplateSpec } from '../../../api/types.ts';
import { isDns1123Label, isDns1123Subdomain } from '../../../api/validation-names.ts';
import { ageColumn, column, containerColumns, nameColumn, selectorText, wideColumn } from '../columns/common.ts';
import { humanDuration } from '../columns/human-duration.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { jobWarnings, validateJobSpec } from '../validation/job.ts';
import { isNews, nameWarnings } from '../validation/pod/warnings.ts';
import { validateCounts, validateMatchingTemplate } from '../validation/workload.ts';
import { withStatus } from './with-status.ts';

type Spec = NonNullable<Job['spec']>;

const uidLabel = 'batch.kubernetes.io/controller-uid';
const uidLabels = ['controller-uid', uidLabel];
const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'];
const noLimit = 2 ** 31 - 1;

const { prepareForCreate: emptyStatus, ...statusHooks } = withStatus<Job>(undefined, ({ status }, _old, errors) => {
  validateCounts(status, ['active', 'succeeded', 'failed', 'ready', 'terminating'], errors);
});

export const jobStrategy: Strategy<Job> = {
  kind: kinds.jobs,
  columns: [
    nameColumn,
    column<Job>('Status', 'Status of the job.', statusText),
    column<Job>('Completions', 'The number of pods which reached phase Succeeded.', completionsText),
    column<Job>('Duration', 'Time required to complete the job.', durationText),
    ageColumn,
    ...containerColumns(),
    wideColumn<Job>('Selector', 'A label query over pods that should match the pod count.', ({ spec }) =>
      selectorText(spec?.selector),
    ),
  ],
  fieldNames: ['status.successful'],
  fieldValue: ({ status }) => String(status?.succeeded ?? 0),
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  defaultPropagation: 'Orphan',
  ...statusHooks,

  setDefaults(job) {
    const { spec, metadata } = job;
    if (!spec) return;
    if (spec.completions === undefined && spec.parallelism === undefined) {
      spec.completions = 1;
      spec.parallelism = 1;
    }
    spec.parallelism ??= 1;
    spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : noLimit;
    const { labels } = spec.template?.metadata ?? {};
    if (metadata && labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
    spec.completionMode ??= 'NonIndexed';
    spec.suspend ??= false;
    spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
    for (const { onPodConditions = [] } of spec.podFailurePolicy?.rules ?? []) {
      for (const pattern of onPodConditions) pattern.status ||= 'True';
    }
    spec.manualSelector ??= false;
    defaultTemplate(spec.template);
  },
  prepareForCreate(job, ctx, now) {
    emptyStatus?.(job, ctx, now);
    if (job.spec && !job.spec.manualSelector) generateSelector(job, job.spec);
  },
  warnings: ({ metadata, spec }, old) => [
    ...(old ? [] : nameWarnings(metadata)),
    ...(isNews(metadata, old) ? jobWarnings(spec, 'spec') : []),
  ],
  validate(job, errors) {
    const { spec, metadata } = job;
    if (!spec?.selector) errors.required('spec.selector');
    else if (!spec.manualSelector) validateGenerated(spec, metadata?.uid ?? '', metadata?.name ?? '', errors);
    validateMatchingTemplate(spec?.template, spec?.selector, errors);
    if (spec) validateJobSpec(spec, 'spec', errors);
    if (spec?.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
      // The pods are called after their indexes.
      const name = metadata?.name ?? '';
      for (const message of isDns1123Label(`${name}-${(spec.completions ?? 0) - 1}`)) {
        errors.invalid('metadata.name', name, `will not able to create pod with invalid DNS label: ${message}`);
      }
    }
  },
  validateUpdate({ spec }, old, errors) {
    const before = old.spec;
    // The number of completions of an indexed job may follow its parallelism.
    const scaled = spec?.completionMode === 'Indexed' && spec.completions === spec.parallelism;
    if (!scaled) errors.unchanged('spec.completions', spec?.completions, before?.completions);
    errors.unchanged('spec.selector', spec?.selector, before?.selector);
    errors.unchanged('spec.template', spec?.template, templateBefore(spec?.template, old));
    for (const field of [
      'completionMode',
      'podFailurePolicy',
      'backoffLimitPerIndex',
      'managedBy',
      'successPolicy',
    ] as const) {
      errors.unchanged(`spec.${field}`, spec?.[field], before?.[field]);
    }
  },
};

function generateSelector({ metadata = {} }: Job, spec: Spec): void {
  const { uid = '', name = '' } = metadata;
  const template: PodTemplateSpec = spec.template ?? {};
  const own = Object.fromEntries([
    ...nameLabels.map((label) => [label, name] as const),
    ...uidLabels.map((label) => [label, uid] as const),
  ]);
  template.metadata = { ...template.metadata, labels: { ...own, ...template.metadata?.labels } };
  spec.template = template;
  spec.selector = { ...spec.selector, matchLabels: { [uidLabel]: uid, ...spec.selector?.matchLabels } };
}

/** What the client said must not be in the way of what is generated. */
function validateGenerated(spec: Spec, uid: string, name: string, errors: FieldErrors): void {
  const labels = spec.template?.metadata?.labels ?? {};
  for (const [names, value] of [
    [uidLabels, uid],
    [nameLabels, name],
  ] as const) {
    for (const label of names) {
      if (labels[label] !== value) {
        errors.invalid('spec.template.metadata.labels', labels, `must be '${value}'`);
      }
    }
  }
  const { matchLabels = {} } = spec.selector ?? {};
  const wanted = { [uidLabel]: uid };
  if (!deepEqual(spec.selector, { matchLabels: wanted }) && matchLabels[uidLabel] !== uid) {
    errors.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
  }
}

/**
 * The old template; of a job that is suspended and has never begun, with whatever an update may change there: where its pods
 * go and what labels they have (KEP-2926).
 */
function templateBefore(template: PodTemplateSpec | undefined, { spec, status }: Job): PodTemplateSpec | undefined {
  if (!spec?.suspend || status?.startTime || !template) return spec?.template;
  const { nodeSelector, tolerations, affinity, schedulingGates } = template.spec ?? { containers: [] };
  const { labels, annotations } = template.metadata ?? {};
  const chosen = { nodeSelector, tolerations, affinity, schedulingGates };
  return {
    ...spec.template,
    metadata: { ...spec.template?.metadata, ...given({ labels, annotations }) },
    spec: { containers: [], ...spec.template?.spec, ...given(chosen) },
  };
}

function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

const stages = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
] as const;
const laterStages = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'] as const;

function statusText({ metadata, status }: Job): string {
  const is = (type: string): boolean => getCondition(status?.conditions, type)?.status === 'True';
  for (const [type, text] of stages) if (is(type)) return text;
  if (metadata?.deletionTimestamp) return 'Terminating';
  return laterStages.find(is) ?? 'Running';
}

function completionsText({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${done}/${spec.completions}`;
  const { parallelism = 0 } = spec ?? {};
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function durationText({ status }: Job, now: number): string {
  if (!status?.startTime) return '';
  const end = status.completionTime ? Date.parse(status.completionTime) : now;
  return humanDuration(end - Date.parse(status.startTime));
}
