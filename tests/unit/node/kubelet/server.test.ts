import test from 'ava';
import { loggedContainer } from '../../../../node/kubelet/server/container-logs.ts';
import { parseLogRequest } from '../../../../node/kubelet/server/log-options.ts';
import { has, podWith, state } from './pods.ts';

const query = (text: string) => parseLogRequest(new URLSearchParams(text), 100_000);

test('log options come as the API server sends them', (t) => {
  t.deepEqual(query('follow=true&tailLines=5&sinceSeconds=10&timestamps=true&limitBytes=7'), {
    previous: false,
    limitBytes: 7,
    options: { follow: true, timestamps: true, tailLines: 5, since: 90_000, stdout: true, stderr: true },
  });
  t.is(query('sinceTime=1970-01-01T00:00:01Z').options.since, 1_000);
  t.true(query('previous=true').previous);
  t.false(query('follow=false').options.follow);
  t.throws(() => query('tailLines=-1'), { message: /tailLines must be a whole number/ });
  t.throws(() => query('sinceTime=x&sinceSeconds=1'), { message: /at most one of/ });
});

test('the log is that of the newest container that was started', (t) => {
  const both = state([has('main', 'running', { attempt: 1 }), has('main', { exit: 1 })]);
  t.is(loggedContainer(podWith(), both, 'main', false).id, 'main-1');
  t.is(loggedContainer(podWith(), both, 'main', true).id, 'main-0');
});

test('between two runs the previous log is that of the run that ended last', (t) => {
  const waiting = podWith(
    {},
    {
      status: {
        containerStatuses: [
          {
            name: 'main',
            image: '',
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
          },
        ],
      },
    },
  );
  t.is(loggedContainer(waiting, state([has('main', { exit: 1 })]), 'main', true).id, 'main-0');
});

test('what has no log says so in Kubernetes’ words', (t) => {
  t.throws(() => loggedContainer(podWith(), undefined, 'other', false), {
    message: 'container "other" not found in pod "pod"',
  });
  t.throws(() => loggedContainer(podWith(), undefined, 'main', false), {
    message: 'container "main" in pod "pod" is waiting to start: ContainerCreating',
  });
  t.throws(() => loggedContainer(podWith(), state([has('main', 'running')]), 'main', true), {
    message: 'previous terminated container "main" in pod "pod" not found',
  });
});
