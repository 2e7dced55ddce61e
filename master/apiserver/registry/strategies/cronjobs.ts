/** CronJobs (batch/v1). */
import { kinds } from '../../../api/kinds.ts';
import type { CronJob } from '../../../api/types.ts';
import { isDns1123Subdomain } from '../../../api/validation-names.ts';
import {
  ageColumn,
  column,
  containerColumns,
  integerColumn,
  nameColumn,
  selectorText,
  wideColumn,
} from '../columns/common.ts';
import { since } from '../columns/human-duration.ts';
import { defaultTemplate } from '../defaults/pod-spec.ts';
import type { Strategy } from '../strategy.ts';
import { scheduleError } from '../validation/cron.ts';
import type { FieldErrors } from '../validation/field-errors.ts';
import { jobWarnings, validateJobSpec } from '../validation/job.ts';
import { validateNotNegative, validateOneOf } from '../validation/numbers.ts';
import { isNews, nameWarnings } from '../validation/pod/warnings.ts';
import { validateTemplate } from '../validation/workload.ts';
import { withStatus } from './with-status.ts';

/** Eleven characters are for the times in its jobs' names. */
const maxNameLength = 52;
const jobSpec = 'spec.jobTemplate.spec';

export const cronJobStrategy: Strategy<CronJob> = {
  kind: kinds.cronjobs,
  columns: [
    nameColumn,
    column<CronJob>('Schedule', 'The schedule in Cron format.', ({ spec }) => spec?.schedule ?? ''),
    column<CronJob>('Timezone', 'The time zone name for the given schedule.', ({ spec }) => spec?.timeZone ?? '<none>'),
    {
      name: 'Suspend',
      type: 'boolean',
      description: 'Whether later runs are suspended.',
      priority: 0,
      value: suspendText,
    },
    integerColumn<CronJob>('Active', 'How many jobs run now.', ({ status }) => status?.active?.length ?? 0),
    column<CronJob>('Last Schedule', 'When a job was last made.', ({ status }, now) =>
      status?.lastScheduleTime ? since(status.lastScheduleTime, now) : '<none>',
    ),
    ageColumn,
    ...containerColumns<CronJob>(({ spec }) => spec?.jobTemplate?.spec?.template),
    wideColumn<CronJob>('Selector', 'A label query over pods.', ({ spec }) =>
      selectorText(spec?.jobTemplate?.spec?.selector),
    ),
  ],
  nameErrors: isDns1123Subdomain,
  hasGeneration: true,
  ...withStatus<CronJob>(),

  setDefaults({ spec }) {
    if (!spec) return;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    defaultTemplate(spec.jobTemplate?.spec?.template);
  },
  warnings: ({ metadata, spec }, old) => [
    ...(old ? [] : nameWarnings(metadata)),
    ...(isNews(metadata, old) ? jobWarnings(spec?.jobTemplate?.spec, jobSpec) : []),
  ],
  validate({ metadata, spec }, errors) {
    const { name = '' } = metadata ?? {};
    if (name.length > maxNameLength) {
      errors.invalid('metadata.name', name, `must be no more than ${maxNameLength} characters`);
    }
    validateSchedule(spec?.schedule ?? '', errors);
    if (spec?.timeZone !== undefined) validateTimeZone(spec.timeZone, errors);
    validateNotNegative(spec?.startingDeadlineSeconds, 'spec.startingDeadlineSeconds', errors);
    const policies = ['Allow', 'Forbid', 'Replace'];
    if (!spec?.concurrencyPolicy) errors.required('spec.concurrencyPolicy');
    else validateOneOf(spec.concurrencyPolicy, policies, 'spec.concurrencyPolicy', errors);
    validateNotNegative(spec?.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit', errors);
    validateNotNegative(spec?.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit', errors);
    const job = spec?.jobTemplate?.spec;
    if (!job?.template) {
      errors.required(`${jobSpec}.template`);
      return;
    }
    if (job.selector) errors.invalid(`${jobSpec}.selector`, job.selector, '`selector` will be auto-generated');
    if (job.manualSelector) errors.notSupported(`${jobSpec}.manualSelector`, true, ['nil', 'false']);
    validateTemplate(job.template, `${jobSpec}.template`, errors);
    validateJobSpec(job, jobSpec, errors);
  },
};

function suspendText(object: CronJob): string {
  return object.spec?.suspend ? 'True' : 'False';
}

function validateSchedule(schedule: string, errors: FieldErrors): void {
  const field = 'spec.schedule';
  if (schedule === '') errors.required(field);
  else if (/^(CRON_)?TZ=/.test(schedule)) {
    errors.invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  } else {
    const wrong = scheduleError(schedule);
    if (wrong !== undefined) errors.invalid(field, schedule, wrong);
  }
}

function validateTimeZone(zone: string, errors: FieldErrors): void {
  const field = 'spec.timeZone';
  if (zone === '') errors.invalid(field, zone, 'timeZone must be nil or non-empty string');
  else if (zone.toLowerCase() === 'local') errors.invalid(field, zone, 'timeZone must be an explicit time zone');
  else if (!isTimeZone(zone)) errors.invalid(field, zone, `unknown time zone ${zone}`);
}

/** A name of the time zone database; what is more than that to JavaScript (offsets, any case) is not well. */
function isTimeZone(zone: string): boolean {
  if (!/^[A-Z]/.test(zone)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
