import test from 'ava';
import type { PodStatus } from '../../../../master/api/types.ts';
import { computeStatus, type StatusContext, type WaitingReason } from '../../../../node/kubelet/pods/status.ts';
import { container, has, podWith, sandbox, state } from './pods.ts';

const context: StatusContext = {
  now: Date.parse('2026-01-01T00:00:10Z'),
  hostIp: '172.18.0.2',
  runtimeName: 'docker',
  waiting: new Map(),
  isReady: () => true,
  hasStarted: () => true,
  terminationMessage: () => undefined,
  over: false,
};

const waitingFor = (name: string, reason: WaitingReason): StatusContext => ({
  ...context,
  waiting: new Map([[name, reason]]),
});

const conditions = (status: PodStatus): Record<string, string> =>
  Object.fromEntries(
    (status.conditions ?? []).map(({ type, status, reason }) => [type, reason ? `${status} ${reason}` : status]),
  );

test('a pod that was just seen is Pending and its containers are being created', (t) => {
  const status = computeStatus(podWith(), state([], []), context);
  t.is(status.phase, 'Pending');
  t.deepEqual(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
  t.deepEqual(conditions(status), {
    PodReadyToStartContainers: 'False',
    Initialized: 'True',
    Ready: 'False ContainersNotReady',
    ContainersReady: 'False ContainersNotReady',
    PodScheduled: 'True',
  });
  t.is(status.conditions?.[2]?.message, 'containers with unready status: [main]');
});

test('a container that has ended for good has ended, whatever was noted before its start', (t) => {
  const noted = waitingFor('main', { reason: 'ContainerCreating' });
  const ended = state([has('main', { exit: 1 })]);
  const status = computeStatus(podWith({ restartPolicy: 'Never' }), ended, noted);
  t.is(status.phase, 'Failed');
  t.is(status.containerStatuses?.[0]?.state?.terminated?.exitCode, 1);
});

test('a pod whose containers run is Running and Ready, with its address', (t) => {
  const status = computeStatus(podWith(), state([has('main', 'running')]), context);
  t.is(status.phase, 'Running');
  t.like(status, { podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }], hostIP: '172.18.0.2', qosClass: 'BestEffort' });
  t.like(status.containerStatuses?.[0], {
    ready: true,
    started: true,
    restartCount: 0,
    containerID: 'docker://main-0',
    imageID: 'docker://sha256:1',
    state: { running: { startedAt: '1970-01-01T00:00:01Z' } },
  });
  t.is(conditions(status).Ready, 'True');
});

test('a pod on the host’s network has the host’s address', (t) => {
  const { ip: _, ...onHost } = sandbox({ hostNetwork: true });
  const status = computeStatus(podWith({ hostNetwork: true }), state([has('main', 'running')], [onHost]), context);
  t.is(status.podIP, '172.18.0.2');
});

test('a container that is not ready keeps the pod from being ready, but not from running', (t) => {
  const status = computeStatus(podWith(), state([has('main', 'running')]), { ...context, isReady: () => false });
  t.is(status.phase, 'Running');
  t.false(status.containerStatuses?.[0]?.ready);
  t.is(conditions(status).Ready, 'False ContainersNotReady');
});

test('between two runs a container waits, and its last run is told', (t) => {
  const reason = { reason: 'CrashLoopBackOff', message: 'back-off 10s restarting failed container=main' };
  const status = computeStatus(
    podWith(),
    state([has('main', { exit: 2 }, { attempt: 1 })]),
    waitingFor('main', reason),
  );
  t.is(status.phase, 'Running');
  t.deepEqual(status.containerStatuses?.[0]?.state, { waiting: reason });
  t.like(status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 2, reason: 'Error' });
  t.is(status.containerStatuses?.[0]?.restartCount, 1);
});

test('the run before the present one stays told', (t) => {
  const containers = [has('main', 'running', { attempt: 1 }), has('main', { exit: 137, oom: true })];
  const status = computeStatus(podWith(), state(containers), context);
  t.like(status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 137, reason: 'OOMKilled' });
});

test('a container that could not be made tells why', (t) => {
  const reason = { reason: 'ErrImagePull', message: 'no such host' };
  const status = computeStatus(podWith(), state([]), waitingFor('main', reason));
  t.is(status.phase, 'Pending');
  t.deepEqual(status.containerStatuses?.[0]?.state, { waiting: reason });
});

test('a container that the engine could not start tells the engine’s words', (t) => {
  const failed = has('main', { exit: 127, error: 'exec: "x": not found' });
  const status = computeStatus(podWith({ restartPolicy: 'Never' }), state([failed]), context);
  t.like(status.containerStatuses?.[0]?.state?.terminated, { reason: 'StartError', message: 'exec: "x": not found' });
  t.is(status.phase, 'Failed');
});

for (const [policy, exits, phase] of [
  ['Never', [0, 0], 'Succeeded'],
  ['Never', [0, 1], 'Failed'],
  ['OnFailure', [0, 0], 'Succeeded'],
  ['OnFailure', [0, 1], 'Running'],
  ['Always', [0, 0], 'Running'],
] as const) {
  test(`with policy ${policy} a pod whose containers ended with ${exits.join(' and ')} is ${phase}`, (t) => {
    const pod = podWith({ restartPolicy: policy, containers: [container('a'), container('b')] });
    const status = computeStatus(pod, state([has('a', { exit: exits[0] }), has('b', { exit: exits[1] })]), context);
    t.is(status.phase, phase);
  });
}

for (const [pod, a, b, phase] of [
  ['Always', { restartPolicy: 'Never' }, { restartPolicy: 'Never' }, 'Failed'],
  ['Never', {}, { restartPolicy: 'OnFailure' }, 'Running'],
  ['Never', { restartPolicy: 'Always' }, {}, 'Running'],
] as const) {
  const [first, second] = [JSON.stringify(a), JSON.stringify(b)];
  test(`with policy ${pod} a pod whose containers (${first}, ${second}) ended with 0 and 1 is ${phase}`, (t) => {
    const ended = podWith({ restartPolicy: pod, containers: [container('a', a), container('b', b)] });
    t.is(computeStatus(ended, state([has('a', { exit: 0 }), has('b', { exit: 1 })]), context).phase, phase);
  });
}

test('an init container that may run only once fails a pod that is otherwise restarted', (t) => {
  const pod = podWith({ initContainers: [container('one', { restartPolicy: 'Never' })] });
  t.is(computeStatus(pod, state([has('one', { exit: 1 })]), context).phase, 'Failed');
});

test('a pod that is being deleted ends Succeeded or Failed whatever its restart policy', (t) => {
  const over = { ...context, over: true };
  t.is(computeStatus(podWith(), state([has('main', { exit: 0 })]), over).phase, 'Succeeded');
  t.is(computeStatus(podWith(), state([has('main', { exit: 143 })]), over).phase, 'Failed');
});

test('a pod that has finished never becomes anything else', (t) => {
  const pod = podWith({}, { status: { phase: 'Failed' } });
  t.is(computeStatus(pod, state([has('main', 'running')]), context).phase, 'Failed');
});

test('a rejected pod is Failed, with reason and message', (t) => {
  const rejected = { reason: 'OutOfcpu', message: 'Pod was rejected: no' };
  const status = computeStatus(podWith(), state([], []), { ...context, rejected, over: true });
  t.like(status, { phase: 'Failed', ...rejected });
});

test('a container that was added to the pod is told of beside the others, and changes nothing of the pod’s state', (t) => {
  const debugged = podWith({ ephemeralContainers: [container('debug')] });
  const coming = computeStatus(debugged, state([has('main', 'running')]), context);
  t.is(conditions(coming).Ready, 'True');
  t.deepEqual(coming.ephemeralContainerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
  const ended = computeStatus(debugged, state([has('main', 'running'), has('debug', { exit: 1 })]), context);
  t.is(ended.phase, 'Running');
  t.like(ended.ephemeralContainerStatuses?.[0], { ready: false, state: { terminated: { exitCode: 1 } } });
  t.is(ended.containerStatuses?.length, 1);
});

test('a pod is Pending and not initialized while its init containers run', (t) => {
  const pod = podWith({ initContainers: [container('one'), container('two')] });
  const status = computeStatus(pod, state([has('one', { exit: 0 })]), context);
  t.is(status.phase, 'Pending');
  t.true(status.initContainerStatuses?.[0]?.ready);
  t.deepEqual(status.initContainerStatuses?.[1]?.state, { waiting: { reason: 'PodInitializing' } });
  t.is(conditions(status).Initialized, 'False ContainersNotInitialized');
  t.is(status.conditions?.[1]?.message, 'containers with incomplete status: [two]');
});

test('an init container that failed for good fails the pod', (t) => {
  const pod = podWith({ restartPolicy: 'Never', initContainers: [container('one')] });
  t.is(computeStatus(pod, state([has('one', { exit: 1 })]), context).phase, 'Failed');
});

test('a condition’s transition time moves only when its status changes, and conditions of others stay', (t) => {
  const first = computeStatus(podWith(), state([has('main', 'running')]), context);
  const foreign = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
  const told = podWith({}, { status: { ...first, conditions: [foreign, ...(first.conditions ?? [])] } });
  const later = { ...context, now: context.now + 60_000 };
  t.deepEqual(computeStatus(told, state([has('main', 'running')]), later).conditions, told.status?.conditions);
  const changed = computeStatus(told, state([has('main', 'running')]), { ...later, isReady: () => false });
  const ready = changed.conditions?.find(({ type }) => type === 'Ready');
  t.is(ready?.lastTransitionTime, '2026-01-01T00:01:10Z');
});

test('a container that ran and cannot be found any more is told as lost', (t) => {
  const running = computeStatus(podWith(), state([has('main', 'running')]), context);
  const told = podWith({}, { status: running });
  const status = computeStatus(told, state([], []), { ...context, over: true });
  t.like(status.containerStatuses?.[0]?.state?.terminated, { exitCode: 137, reason: 'ContainerStatusUnknown' });
  t.is(status.phase, 'Failed');
});

test('a readiness gate without its condition keeps the pod from being ready', (t) => {
  const pod = podWith({ readinessGates: [{ conditionType: 'example.com/up' }] });
  const status = computeStatus(pod, state([has('main', 'running')]), context);
  t.is(conditions(status).Ready, 'False ReadinessGatesNotReady');
  t.is(conditions(status).ContainersReady, 'True');
});

test('a container tells what it was given: resources as when it was made, its mounts, and as whom it runs', (t) => {
  const resources = { requests: { cpu: '100m' }, limits: { cpu: '1' } };
  const volumeMounts = [
    { name: 'data', mountPath: '/data' },
    { name: 'token', mountPath: '/var/run/secrets', readOnly: true },
  ];
  const spec = { containers: [container('main', { resources, volumeMounts })] };
  const told = {
    volumeMounts: [
      { name: 'data', mountPath: '/data' },
      { name: 'token', mountPath: '/var/run/secrets', readOnly: true, recursiveReadOnly: 'Disabled' },
    ],
  };
  const before = computeStatus(podWith(spec), state([], []), context).containerStatuses?.[0];
  t.like(before, told);
  t.is(before?.resources, undefined);
  const user = { uid: 1000, gid: 3000, groups: [3000, 4000] };
  const status = computeStatus(podWith(spec), state([{ ...has('main', 'running'), user }]), context);
  const given = {
    ...told,
    resources,
    allocatedResources: { cpu: '100m' },
    user: { linux: { uid: 1000, gid: 3000, supplementalGroups: [3000, 4000] } },
  };
  t.like(status.containerStatuses?.[0], given);
  // Another size is wished for; this container has what it has.
  const resized = { containers: [container('main', { resources: { requests: { cpu: '2' } }, volumeMounts })] };
  t.like(
    computeStatus(podWith(resized, { status }), state([has('main', 'running')]), context).containerStatuses?.[0],
    given,
  );
  const next = computeStatus(podWith(resized, { status }), state([has('main', 'running', { attempt: 1 })]), context);
  t.deepEqual(next.containerStatuses?.[0]?.resources, { requests: { cpu: '2' } });
});
