/** CronJobs against a real API server over real etcd. A schedule of one day a year makes each run certain: it is one that was missed. */
import test from 'ava';
import type { CronJob, Pod } from '../../../master/api/types.ts';
import { ControlPlane, patient } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let kubectl: Kubectl;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1');
  kubectl = new Kubectl(plane.kubeconfig);
  nodes.pods.addHandler({ updated: (_, pod) => void succeed(pod) });
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

async function succeed({ metadata, status }: Pod): Promise<void> {
  if (metadata?.labels?.end !== 'succeeds' || status?.phase !== 'Running') return;
  const name = { namespace: 'default', name: metadata?.name ?? '' };
  const patch = { status: { phase: 'Succeeded', conditions: [{ type: 'Ready', status: 'False' }] } };
  await plane.client.patch('pods', name, patch, { type: 'strategic', subresource: 'status' }).catch(() => {});
}

const yearly = (day: number): string => `0 0 ${day} 1 *`;
const longAgo = `${new Date().getUTCFullYear() - 2}-06-01T00:00:00Z`;

/** One whose last run was long ago. */
async function create(name: string, ending: 'succeeds' | 'runs', spec: Partial<CronJob['spec']> = {}): Promise<void> {
  const labels = { app: name, end: ending };
  const containers = [{ name: 'main', image: 'trimaster/echo:1' }];
  const template = {
    metadata: { labels },
    spec: { restartPolicy: 'Never', containers, terminationGracePeriodSeconds: 1 },
  };
  const jobTemplate = { metadata: { labels: { app: name } }, spec: { template } };
  const metadata = { namespace: 'default', name };
  const paused = { schedule: yearly(1), timeZone: 'Etc/UTC', suspend: true, jobTemplate, ...spec };
  await plane.client.create('cronjobs', { metadata, spec: paused });
  await forgetLastRun(name);
  await change(name, { suspend: false });
}

const change = async (name: string, spec: object): Promise<void> =>
  void (await plane.client.patch('cronjobs', { namespace: 'default', name }, { spec }, { type: 'merge' }));

async function forgetLastRun(name: string): Promise<void> {
  const patch = { status: { lastScheduleTime: longAgo } };
  const options = { type: 'merge', subresource: 'status' } as const;
  await plane.client.patch('cronjobs', { namespace: 'default', name }, patch, options);
}

const statusOf = async (name: string) => (await plane.client.get('cronjobs', { namespace: 'default', name })).status;
const jobsOf = async (name: string) =>
  (await plane.client.list('jobs', { namespace: 'default', labelSelector: `app=${name}` })).items;
const hasRun = (name: string) =>
  within(
    30,
    () => statusOf(name),
    (status) => status?.lastScheduleTime !== longAgo,
  );

test.serial('a run is made up for once, told of in the status, and made way for in history', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  t.teardown(() => controllers.kill());
  await create('ticks', 'succeeds', { successfulJobsHistoryLimit: 1 });
  await hasRun('ticks');
  const ended = () =>
    within(
      30,
      () => statusOf('ticks'),
      (status) => status?.lastSuccessfulTime !== undefined && status.active === undefined,
    );
  await ended();
  const [first] = await jobsOf('ticks');
  t.regex(first?.metadata?.name ?? '', /^ticks-\d{8}$/);
  // Even if it is not noted any more it is not run again.
  await forgetLastRun('ticks');
  await hasRun('ticks');
  t.deepEqual(
    (await jobsOf('ticks')).map(({ metadata }) => metadata?.uid),
    [first?.metadata?.uid],
  );
  await change('ticks', { suspend: true, schedule: yearly(2) });
  await forgetLastRun('ticks');
  await change('ticks', { suspend: false });
  await hasRun('ticks');
  await within(
    30,
    () => jobsOf('ticks'),
    (jobs) => jobs.length === 1 && jobs[0]?.metadata?.uid !== first?.metadata?.uid,
  );
  t.regex(await kubectl.run('get', 'cronjob', 'ticks'), /ticks\s+0 0 2 1 \*\s+Etc\/UTC\s+False\s+0/);
  await kubectl.run('delete', 'cronjob', 'ticks', '--timeout=30s');
  await within(
    30,
    () => jobsOf('ticks'),
    (jobs) => jobs.length === 0,
  );
  await controllers.stop();
});

test.serial('Replace ends the run before', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  t.teardown(() => controllers.kill());
  await create('replaced', 'runs', { concurrencyPolicy: 'Replace' });
  await hasRun('replaced');
  const [first] = await jobsOf('replaced');
  await change('replaced', { suspend: true, schedule: yearly(2) });
  await forgetLastRun('replaced');
  await change('replaced', { suspend: false });
  const [second] = await within(
    30,
    () => jobsOf('replaced'),
    (jobs) => jobs.length === 1 && jobs[0]?.metadata?.uid !== first?.metadata?.uid,
  );
  const { active } = await within(
    30,
    async () => (await statusOf('replaced')) ?? {},
    (status) => status.active?.length === 1,
  );
  t.is(active?.[0]?.uid, second?.metadata?.uid);
  await controllers.stop();
});

test.serial('a leader that is killed among many runs leaves none out and none doubled', async (t) => {
  const names = Array.from({ length: 12 }, (_, index) => `many-${index}`);
  const { leader, standby } = await plane.startTwo(t, ...patient);
  const all = Promise.all(names.map((name) => create(name, 'runs', { concurrencyPolicy: 'Forbid' })));
  await within(
    30,
    () => jobsOf('many-0'),
    (jobs) => jobs.length > 0,
  );
  await leader.kill();
  await all;
  await standby.untilLeading();
  for (const name of names) {
    const status = await hasRun(name);
    const jobs = await jobsOf(name);
    t.deepEqual(
      status?.active?.map(({ uid }) => uid),
      jobs.map(({ metadata }) => metadata?.uid),
      name,
    );
    t.is(jobs.length, 1);
  }
});
