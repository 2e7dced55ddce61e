import test from 'ava';
import type { CronJob, Job } from '../../../master/api/types.ts';
import { decide, started } from '../../../master/controllers/cronjob/decision.ts';
import { isTimeZone, scheduleOf } from '../../../master/controllers/cronjob/schedule.ts';

type Spec = Partial<NonNullable<CronJob['spec']>>;

const ms = (time: string): number => Date.parse(time);
const iso = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString().replace('.000Z', 'Z');

function cronJob(spec: Spec = {}, status: CronJob['status'] = {}): CronJob {
  return {
    metadata: { namespace: 'default', name: 'tick', uid: 'c-1', creationTimestamp: '2026-01-01T00:00:30Z' },
    spec: {
      schedule: '*/5 * * * *',
      jobTemplate: { metadata: { labels: { app: 'tick' } }, spec: { template: {} } },
      ...spec,
    },
    status,
  };
}

const annotations = { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T00:00:00Z' };

function job(name: string, end?: 'Complete' | 'Failed', at = '2026-01-01T00:00:00Z'): Job {
  return {
    metadata: { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: '7', annotations },
    status: {
      startTime: at,
      ...(end && { conditions: [{ type: end, status: 'True' }] }),
      ...(end === 'Complete' && { completionTime: at }),
    },
  };
}

const reference = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  resourceVersion: '7',
});

const next = (owner: CronJob, jobs: Job[], now: string, gone: string[] = []) => {
  const { schedule = '', timeZone } = owner.spec ?? {};
  return decide(owner, jobs, scheduleOf(schedule, timeZone), ms(now), (uid) => gone.includes(uid));
};

for (const [what, schedule, zone, now, last, following] of [
  [
    'every five minutes',
    '*/5 * * * *',
    undefined,
    '2026-01-01T00:12:34Z',
    '2026-01-01T00:10:00Z',
    '2026-01-01T00:15:00Z',
  ],
  [
    'a time that is now',
    '*/5 * * * *',
    undefined,
    '2026-01-01T00:10:00Z',
    '2026-01-01T00:10:00Z',
    '2026-01-01T00:15:00Z',
  ],
  [
    'steps from a number on',
    '7/20 * * * *',
    'UTC',
    '2026-01-01T00:10:00Z',
    '2026-01-01T00:07:00Z',
    '2026-01-01T00:27:00Z',
  ],
  [
    'days of the month or of the week',
    '0 0 1 * mon',
    'UTC',
    '2026-01-06T00:00:00Z',
    '2026-01-05T00:00:00Z',
    '2026-01-12T00:00:00Z',
  ],
  ['a name', '@daily', 'UTC', '2026-01-06T08:00:00Z', '2026-01-06T00:00:00Z', '2026-01-07T00:00:00Z'],
  [
    'another time zone',
    '0 9 * * *',
    'Asia/Tokyo',
    '2026-01-06T08:00:00Z',
    '2026-01-06T00:00:00Z',
    '2026-01-07T00:00:00Z',
  ],
  ['summer time', '0 9 * * *', 'Europe/Berlin', '2026-07-06T08:00:00Z', '2026-07-06T07:00:00Z', '2026-07-07T07:00:00Z'],
  [
    'a time that a night does not have',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-29T08:00:00Z',
    '2026-03-28T01:30:00Z',
    '2026-03-30T00:30:00Z',
  ],
  [
    'a time that a night has twice',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-25T01:40:00Z',
    '2026-10-25T01:30:00Z',
    '2026-10-26T01:30:00Z',
  ],
  [
    'a time that a night has twice, between the two',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-25T00:40:00Z',
    '2026-10-25T00:30:00Z',
    '2026-10-25T01:30:00Z',
  ],
  [
    'minutes of the night in which clocks go forward',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-03-29T01:10:00Z',
    '2026-03-29T01:00:00Z',
    '2026-03-29T01:30:00Z',
  ],
  ['a period', '@every 1h30m', undefined, '2026-01-01T04:00:00Z', '2026-01-01T03:00:00Z', '2026-01-01T04:30:00Z'],
] as const) {
  test(`a schedule names its times: ${what}`, (t) => {
    const times = scheduleOf(schedule, zone);
    const since = ms('2026-01-01T00:00:00Z');
    t.is(iso(times.last(since, ms(now))?.atMs), last);
    t.is(iso(times.next(since, ms(now))), following);
    t.is(times.last(ms(last), ms(now)), undefined);
  });
}

test('what is no schedule, and what is no time zone, is refused', (t) => {
  t.throws(() => scheduleOf('* * *', undefined));
  t.throws(() => scheduleOf('@every soon', undefined), { message: 'time: invalid duration "soon"' });
  t.throws(() => scheduleOf('* * * * *', 'Nowhere/Land'));
});

test('a run has the name of its minute, and the next one is awaited', (t) => {
  const { start, againInMs } = next(cronJob(), [], '2026-01-01T00:06:00Z');
  t.is(start?.job.metadata?.name, `tick-${ms('2026-01-01T00:05:00Z') / 60_000}`);
  t.like(start?.job.metadata, { labels: { app: 'tick' } });
  t.is(start?.job.metadata?.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'], '2026-01-01T00:05:00Z');
  t.is(againInMs, 4 * 60_000 + 100);
  t.is(next(cronJob(), [], '2026-01-01T00:04:59Z').start, undefined);
  t.is(next(cronJob({}, { lastScheduleTime: '2026-01-01T00:05:00Z' }), [], '2026-01-01T00:06:00Z').start, undefined);
  t.is(next(cronJob({ suspend: true }), [], '2026-01-01T00:06:00Z').start, undefined);
});

test('a run says its time as the clocks of its zone show it', (t) => {
  const said = (timeZone: string | undefined, now: string): string | undefined =>
    next(cronJob({ timeZone }), [], now).start?.job.metadata?.annotations?.[
      'batch.kubernetes.io/cronjob-scheduled-timestamp'
    ];
  t.is(said('Europe/Berlin', '2026-07-01T00:06:00Z'), '2026-07-01T02:05:00+02:00');
  t.is(said('America/St_Johns', '2026-01-02T00:06:00Z'), '2026-01-01T20:35:00-03:30');
  t.is(said('Etc/UTC', '2026-01-02T00:06:00Z'), '2026-01-02T00:05:00Z');
  t.true(isTimeZone('Europe/Berlin'));
  t.false(isTimeZone('Nowhere/Land'));
});

test('of runs that were missed the last is made up for, unless it is too late', (t) => {
  t.is(iso(next(cronJob(), [], '2026-01-01T05:14:00Z').start?.atMs), '2026-01-01T05:10:00Z');
  const deadline = cronJob({ startingDeadlineSeconds: 60 });
  const late = next(deadline, [], '2026-01-01T05:14:00Z');
  t.deepEqual([late.start, late.says.map(({ reason }) => reason)], [undefined, ['MissSchedule']]);
  t.is(late.says[0]?.message, 'Missed scheduled time to start a job: Thu, 01 Jan 2026 05:10:00 +0000');
  t.is(iso(next(deadline, [], '2026-01-01T05:10:59Z').start?.atMs), '2026-01-01T05:10:00Z');
  t.deepEqual(
    next(cronJob(), [], '2026-01-02T05:14:00Z').says.map(({ reason }) => reason),
    ['TooManyMissedTimes'],
  );
});

test('a run that was started and not noted is noted, and not started again', (t) => {
  const name = `tick-${ms('2026-01-01T00:05:00Z') / 60_000}`;
  const { start, status } = next(cronJob(), [job(name)], '2026-01-01T00:06:00Z');
  t.is(start, undefined);
  t.deepEqual(status.active, [reference(name)]);
  t.is(status.lastScheduleTime, '2026-01-01T00:05:00Z');
});

for (const [policy, starts, replaced, active] of [
  ['Allow', true, [], ['before', 'new']],
  ['Forbid', false, [], ['before']],
  ['Replace', true, ['before'], ['new']],
] as const) {
  test(`a run that meets one that still goes on is dealt with as is said: ${policy}`, (t) => {
    const owner = cronJob({ concurrencyPolicy: policy }, { active: [reference('before')] });
    const { start, replace, status, says } = next(owner, [job('before')], '2026-01-01T00:06:00Z');
    t.is(start !== undefined, starts);
    t.deepEqual(
      replace.map(({ metadata }) => metadata?.name),
      [...replaced],
    );
    const after = start ? started(status, job('new'), start.atMs, replace) : status;
    t.deepEqual(
      after.active?.map(({ name }) => name),
      [...active],
    );
    t.deepEqual(
      says.map(({ reason }) => reason),
      starts ? [] : ['JobAlreadyActive'],
    );
  });
}

test('the status loses what has ended or is gone, keeps what is not seen yet, and remembers the last success', (t) => {
  const owner = cronJob({ suspend: true }, { active: ['done', 'gone', 'unseen'].map(reference) });
  const jobs = [job('done', 'Complete', '2026-01-01T00:01:00Z'), job('failed', 'Failed'), job('found')];
  const { status, says } = next(owner, jobs, '2026-01-01T00:02:00Z', ['uid-gone']);
  t.deepEqual(status, {
    active: [reference('unseen'), reference('found')],
    lastSuccessfulTime: '2026-01-01T00:01:00Z',
  });
  t.deepEqual(
    says.map(({ message }) => message),
    ['Saw completed job: done, condition: Complete', 'Active job went missing: gone'],
  );
});

test('history keeps as many of either end as is said, the newest', (t) => {
  const owner = cronJob({ suspend: true, successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 0 });
  const jobs = [
    job('old', 'Complete', '2026-01-01T00:01:00Z'),
    job('aged', 'Complete', '2026-01-01T00:02:00Z'),
    job('new', 'Complete', '2026-01-01T00:02:00Z'),
    job('bad', 'Failed'),
    job('running'),
  ];
  const { forget } = next(owner, jobs, '2026-01-01T00:02:00Z');
  t.deepEqual(
    forget.map(({ metadata }) => metadata?.name),
    ['aged', 'old', 'bad'],
  );
});

test('a job that somebody made by hand is in no run’s way', (t) => {
  const owner = cronJob({ concurrencyPolicy: 'Forbid' });
  const byHand = { ...job('by-hand'), metadata: { namespace: 'default', name: 'by-hand', uid: 'h-1' } };
  const { start, status, says } = next(owner, [byHand], '2026-01-01T00:06:00Z');
  t.truthy(start);
  t.is(status.active, undefined);
  t.deepEqual(
    says.map(({ reason }) => reason),
    ['UnexpectedJob'],
  );
});
