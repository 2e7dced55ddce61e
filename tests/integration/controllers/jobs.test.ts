/** Jobs against a real API server over real etcd: each end counts once, whoever counts. */
import test from 'ava';
import { nowSeconds } from '../../../master/api/meta.ts';
import type { Job, Pod } from '../../../master/api/types.ts';
import { ControlPlane, patient } from '../../support/control-plane.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { PaperNodes, PodHistory } from '../../support/paper-nodes.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;
let nodes: PaperNodes;
let kubectl: Kubectl;

test.before(async () => {
  plane = await ControlPlane.start();
  nodes = await new PaperNodes(plane.client).start('node-1');
  kubectl = new Kubectl(plane.kubeconfig);
  // Whatever runs succeeds at once, unless its label says otherwise.
  nodes.pods.addHandler({ updated: (_, pod) => void end(pod) });
});

test.after.always(async () => {
  await nodes?.stop();
  await plane?.stop();
});

type Ending = 'succeeds' | 'fails' | 'runs' | 'first-fails' | 'first-runs';

/** With which exit code the pod ends; undefined for one that runs on. */
function exitCodeOf({ metadata }: Pod): number | undefined {
  const index = metadata?.annotations?.['batch.kubernetes.io/job-completion-index'];
  const isFirst = index === '0';
  const codes: Readonly<Record<string, number | undefined>> = {
    succeeds: 0,
    fails: 42,
    'first-fails': isFirst ? 42 : 0,
    'first-runs': isFirst ? undefined : 0,
  };
  return codes[metadata?.labels?.end ?? ''];
}

async function end(pod: Pod): Promise<void> {
  const { metadata, status } = pod;
  const exitCode = exitCodeOf(pod);
  if (exitCode === undefined || status?.phase !== 'Running') return;
  const name = { namespace: 'default', name: metadata?.name ?? '' };
  const conditions = [{ type: 'Ready', status: 'False' }];
  const terminated = { exitCode, finishedAt: nowSeconds() };
  const main = { name: 'main', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } };
  const phase = exitCode === 0 ? 'Succeeded' : 'Failed';
  const patch = { status: { phase, conditions, containerStatuses: [main] } };
  await plane.client.patch('pods', name, patch, { type: 'strategic', subresource: 'status' }).catch(() => {});
}

function job(name: string, ending: Ending, spec: Partial<Job['spec']> = {}) {
  const containers = [{ name: 'main', image: 'trimaster/echo:1' }];
  const template = { metadata: { labels: { app: name, end: ending } }, spec: { restartPolicy: 'Never', containers } };
  return { metadata: { namespace: 'default', name }, spec: { ...spec, template } };
}

const statusOf = async (name: string) => (await plane.client.get('jobs', { namespace: 'default', name })).status;

test.serial(
  'a job runs to its end, also when its leader is killed in the middle, and no end counts twice',
  async (t) => {
    const { leader, standby } = await plane.startTwo(t, ...patient);
    const history = new PodHistory(nodes.pods, 'many');
    await plane.client.create('jobs', job('many', 'succeeds', { completions: 40, parallelism: 4 }));
    await history.reaches(15);
    await leader.kill();
    await standby.untilLeading();
    t.regex(await kubectl.run('wait', 'job/many', '--for=condition=Complete', '--timeout=60s'), /condition met/);
    t.is((await statusOf('many'))?.succeeded, 40);
    t.is(history.created.size, 40);
    const pods = await plane.client.list('pods', { namespace: 'default', labelSelector: 'app=many' });
    t.deepEqual(
      pods.items.filter(({ metadata }) => (metadata?.finalizers ?? []).length > 0),
      [],
    );
  },
);

test.serial('indexes are each done once, and kubectl shows them', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create(
    'jobs',
    job('indexed', 'succeeds', { completions: 6, parallelism: 3, completionMode: 'Indexed' }),
  );
  await kubectl.run('wait', 'job/indexed', '--for=condition=Complete', '--timeout=30s');
  t.is((await statusOf('indexed'))?.completedIndexes, '0-5');
  t.regex(await kubectl.run('get', 'job', 'indexed'), /Complete\s+6\/6/);
  await controllers.stop();
});

test.serial('failures end a job at its limit, and time ends one that is finished', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('jobs', job('failing', 'fails', { backoffLimit: 0, ttlSecondsAfterFinished: 2 }));
  await kubectl.run('wait', 'job/failing', '--for=condition=Failed', '--timeout=30s');
  const status = await statusOf('failing');
  t.is(status?.failed, 1);
  t.is(status?.conditions?.find(({ type }) => type === 'Failed')?.reason, 'BackoffLimitExceeded');
  await kubectl.run('wait', 'job/failing', '--for=delete', '--timeout=30s');
  await controllers.stop();
});

test.serial('a failure that its policy forbids ends a job at once, and tells which', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }];
  await plane.client.create('jobs', job('forbidden', 'fails', { podFailurePolicy: { rules } }));
  await kubectl.run('wait', 'job/forbidden', '--for=condition=Failed', '--timeout=30s');
  const failed = (await statusOf('forbidden'))?.conditions?.find(({ type }) => type === 'Failed');
  t.is(failed?.reason, 'PodFailurePolicy');
  t.regex(
    failed?.message ?? '',
    /^Container main for pod default\/forbidden-\S+ failed with exit code 42 matching FailJob/,
  );
  await controllers.stop();
});

test.serial('an index that fails too often is lost alone, and a job may succeed by some of its indexes', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  const indexed = { completions: 4, parallelism: 4, completionMode: 'Indexed', backoffLimitPerIndex: 0 };
  await plane.client.create('jobs', job('lossy', 'first-fails', indexed));
  const rules = [{ succeededIndexes: '1-3', succeededCount: 2 }];
  await plane.client.create('jobs', job('enough', 'first-runs', { ...indexed, successPolicy: { rules } }));
  await kubectl.run('wait', 'job/lossy', '--for=condition=Failed', '--timeout=30s');
  const { failedIndexes, completedIndexes, failed } = (await statusOf('lossy')) ?? {};
  t.deepEqual([failedIndexes, completedIndexes, failed], ['0', '1-3', 1]);
  await kubectl.run('wait', 'job/enough', '--for=condition=Complete', '--timeout=30s');
  t.is((await statusOf('enough'))?.conditions?.find(({ type }) => type === 'Complete')?.reason, 'SuccessPolicy');
  await controllers.stop();
});

test.serial('a suspended job gives up its pods and goes on later, and a deleted one leaves nothing', async (t) => {
  const controllers = await plane.startLeader(t, ...patient);
  await plane.client.create('jobs', job('paused', 'runs', { parallelism: 2, completions: 2 }));
  await kubectl.run('wait', 'job/paused', '--for=jsonpath={.status.ready}=2', '--timeout=30s');
  await kubectl.run('patch', 'job', 'paused', '-p', '{"spec":{"suspend":true}}');
  await kubectl.run('wait', 'job/paused', '--for=condition=Suspended', '--timeout=30s');
  await within(
    30,
    () => statusOf('paused'),
    (status) => !status?.active && status?.terminating === 0,
  );
  t.falsy((await statusOf('paused'))?.failed);
  await kubectl.run('patch', 'job', 'paused', '-p', '{"spec":{"suspend":false}}');
  await kubectl.run('wait', 'job/paused', '--for=jsonpath={.status.ready}=2', '--timeout=30s');
  await kubectl.run('delete', 'job', 'paused', '--timeout=30s');
  const left = () => plane.client.list('pods', { namespace: 'default', labelSelector: 'app=paused' });
  await within(30, left, ({ items }) => items.length === 0);
  t.pass();
  await controllers.stop();
});
