import test from 'ava';
import type { Container } from '../../../../master/api/types.ts';
import {
  type ActionContext,
  computeActions,
  surplusContainers,
  surplusSandboxes,
} from '../../../../node/kubelet/pods/actions.ts';
import { hashOf } from '../../../../node/kubelet/pods/container-config.ts';
import { container, has, podWith, sandbox, state } from './pods.ts';

const context: ActionContext = {
  hashOf,
  failedProbe: () => undefined,
  hasStarted: () => true,
  backOffUntil: () => undefined,
  knownRestarts: () => undefined,
};

const starts = (actions: ReturnType<typeof computeActions>): string[] =>
  actions.start.map(({ container, attempt }) => `${container.name}/${attempt}`);

test('a new pod gets a sandbox and then its containers', (t) => {
  const actions = computeActions(podWith(), state([], []), context);
  t.is(actions.stopPod, 'no');
  t.is(actions.newSandbox, 0);
  t.deepEqual(starts(actions), ['main/0']);
});

test('a pod whose containers run has nothing to do', (t) => {
  const actions = computeActions(podWith(), state([has('main', 'running')]), context);
  t.deepEqual(actions, { stopPod: 'no', stop: [], start: [], backOff: [] });
});

test('a lost sandbox takes the containers with it and is made anew', (t) => {
  const lost = state([has('main', 'running')], [sandbox({ ready: false, attempt: 4 })]);
  const actions = computeActions(podWith(), lost, context);
  t.is(actions.stopPod, 'sandbox-changed');
  t.is(actions.newSandbox, 5);
  t.deepEqual(starts(actions), ['main/1']);
});

test('two ready sandboxes, or one on the wrong network, are as good as none', (t) => {
  const two = [sandbox({ id: 's1', attempt: 1 }), sandbox()];
  t.is(computeActions(podWith(), state([], two), context).stopPod, 'sandbox-changed');
  t.is(computeActions(podWith({ hostNetwork: true }), state([]), context).stopPod, 'sandbox-changed');
});

test('a pod that is never restarted does not run again in a new sandbox', (t) => {
  const lost = state([has('main', { exit: 137 })], [sandbox({ ready: false })]);
  const actions = computeActions(podWith({ restartPolicy: 'Never' }), lost, context);
  t.is(actions.stopPod, 'finished');
  t.is(actions.newSandbox, undefined);
});

for (const [policy, exit, restarted] of [
  ['Always', 0, true],
  ['Always', 1, true],
  ['OnFailure', 0, false],
  ['OnFailure', 1, true],
  ['Never', 1, false],
] as const) {
  test(`with policy ${policy} a container that ended with ${exit} is ${restarted ? '' : 'not '}started again`, (t) => {
    const actions = computeActions(podWith({ restartPolicy: policy }), state([has('main', { exit })]), context);
    t.deepEqual(starts(actions), restarted ? ['main/1'] : []);
    t.is(actions.stopPod, restarted ? 'no' : 'finished');
  });
}

const rule = (operator: 'In' | 'NotIn', ...values: number[]) => ({
  restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values } }],
});

const restartCases: [string, string, Partial<Container>, number, boolean][] = [
  ['Always under Never', 'Never', { restartPolicy: 'Always' }, 0, true],
  ['Never under Always', 'Always', { restartPolicy: 'Never' }, 1, false],
  ['OnFailure under Always, with success', 'Always', { restartPolicy: 'OnFailure' }, 0, false],
  ['a rule for its code', 'Never', { restartPolicy: 'Never', ...rule('In', 42) }, 42, true],
  ['a rule for another code', 'Never', { restartPolicy: 'Never', ...rule('In', 42) }, 1, false],
  ['a rule for all other codes', 'Never', { restartPolicy: 'Never', ...rule('NotIn', 42) }, 1, true],
  ['a rule for all codes but its own', 'Always', { restartPolicy: 'Never', ...rule('NotIn', 42) }, 42, false],
];

for (const [what, pod, own, exit, restarted] of restartCases) {
  test(`a container with a policy of its own (${what}) is ${restarted ? '' : 'not '}started again`, (t) => {
    const containers = [container('main', own)];
    const ended = podWith({ restartPolicy: pod, containers });
    const actions = computeActions(ended, state([has('main', { exit })]), context);
    t.deepEqual(starts(actions), restarted ? ['main/1'] : []);
    t.is(actions.stopPod, restarted ? 'no' : 'finished');
  });
}

test('in a new sandbox runs what may be started again, and nothing that may not', (t) => {
  const containers = [container('once'), container('ever', { restartPolicy: 'Always' })];
  const lost = state([has('ever', 'running'), has('once', 'running')], [sandbox({ ready: false })]);
  t.deepEqual(starts(computeActions(podWith({ restartPolicy: 'Never', containers }), lost, context)), ['ever/1']);
});

test('an init container that may run only once fails a pod that is otherwise restarted', (t) => {
  const pod = podWith({ initContainers: [container('one', { restartPolicy: 'Never' })] });
  t.is(computeActions(pod, state([has('one', { exit: 1 })]), context).stopPod, 'finished');
  t.deepEqual(starts(computeActions(pod, state([has('one', { exit: 0 })]), context)), ['main/0']);
});

test('one container that has ended does not end a pod whose other one runs', (t) => {
  const pod = podWith({ restartPolicy: 'Never', containers: [container('a'), container('b')] });
  const actions = computeActions(pod, state([has('a', { exit: 0 }), has('b', 'running')]), context);
  t.deepEqual(actions, { stopPod: 'no', stop: [], start: [], backOff: [] });
});

test('a container that crashed waits for its back-off', (t) => {
  const actions = computeActions(podWith(), state([has('main', { exit: 1 })]), {
    ...context,
    backOffUntil: (_, { finishedAt }) => finishedAt + 10_000,
  });
  t.deepEqual(starts(actions), []);
  t.deepEqual(
    actions.backOff.map(({ container, until }) => [container.name, until]),
    [['main', 15_000]],
  );
});

test('a container whose liveness probe failed is stopped, and so is one whose image changed', (t) => {
  const running = state([has('main', 'running')]);
  const failed = computeActions(podWith(), running, { ...context, failedProbe: () => 'liveness' });
  t.is(failed.stop[0]?.message, 'Container main failed liveness probe, will be restarted');
  const changed = computeActions(podWith(), state([has('main', 'running', { hash: 'old' })]), context);
  t.is(changed.stop[0]?.message, 'Container main definition changed, will be restarted');
});

test('the restart count goes on from what the API last saw when the runtime has lost a container', (t) => {
  const actions = computeActions(podWith(), state([]), { ...context, knownRestarts: () => 3 });
  t.deepEqual(starts(actions), ['main/4']);
});

test('init containers run one after the other, each until it succeeds', (t) => {
  const pod = podWith({ initContainers: [container('one'), container('two')] });
  t.deepEqual(starts(computeActions(pod, state([], []), context)), ['one/0']);
  t.deepEqual(starts(computeActions(pod, state([has('one', 'running')]), context)), []);
  t.deepEqual(starts(computeActions(pod, state([has('one', { exit: 0 })]), context)), ['two/0']);
  t.deepEqual(starts(computeActions(pod, state([has('one', { exit: 1 })]), context)), ['one/1']);
  const done = state([has('two', { exit: 0 }), has('one', { exit: 0 })]);
  t.deepEqual(starts(computeActions(pod, done, context)), ['main/0']);
});

test('an init container that fails ends a pod that is never restarted', (t) => {
  const pod = podWith({ restartPolicy: 'Never', initContainers: [container('one')] });
  t.is(computeActions(pod, state([has('one', { exit: 1 })]), context).stopPod, 'finished');
});

test('init containers do not run again while the sandbox stays', (t) => {
  const pod = podWith({ initContainers: [container('one')] });
  const removed = state([has('main', 'running')]);
  t.deepEqual(starts(computeActions(pod, removed, context)), []);
});

test('init containers run again in a new sandbox', (t) => {
  const pod = podWith({ initContainers: [container('one')] });
  const old = { sandboxId: 'old' };
  const containers = [has('main', { exit: 137 }, old), has('one', { exit: 0 }, old)];
  t.deepEqual(starts(computeActions(pod, state(containers), context)), ['one/1']);
});

test('a sidecar starts in its turn, lets the next go on once it has started, and is restarted for ever', (t) => {
  const side = container('side', { restartPolicy: 'Always' });
  const pod = podWith({ restartPolicy: 'Never', initContainers: [side, container('two')] });
  t.deepEqual(starts(computeActions(pod, state([], []), context)), ['side/0']);
  const running = state([has('side', 'running')]);
  t.deepEqual(starts(computeActions(pod, running, { ...context, hasStarted: () => false })), []);
  t.deepEqual(starts(computeActions(pod, running, context)), ['two/0']);
  const crashed = state([has('main', 'running'), has('two', { exit: 0 }), has('side', { exit: 1 })]);
  t.deepEqual(starts(computeActions(pod, crashed, context)), ['side/1']);
});

test('a sidecar does not keep a pod alive whose main containers are done', (t) => {
  const pod = podWith({ restartPolicy: 'Never', initContainers: [container('side', { restartPolicy: 'Always' })] });
  const done = state([has('main', { exit: 0 }), has('side', 'running')]);
  t.is(computeActions(pod, done, context).stopPod, 'finished');
});

test('a container that was added to a running pod starts once, beside whatever goes on, and its end is nobody’s', (t) => {
  const debugged = podWith({ ephemeralContainers: [container('debug')], initContainers: [container('init')] });
  const initializing = state([has('init', 'running')]);
  t.deepEqual(starts(computeActions(debugged, initializing, context)), ['debug/0']);
  const ended = state([has('main', 'running'), has('debug', { exit: 1 })]);
  t.deepEqual(computeActions(debugged, ended, context), { stopPod: 'no', stop: [], start: [], backOff: [] });
  t.deepEqual(surplusContainers(debugged, ended), []);
  const known = { ...context, knownRestarts: (name: string) => (name === 'debug' ? 0 : undefined) };
  t.deepEqual(starts(computeActions(debugged, state([has('main', 'running')]), known)), []);
  const done = podWith({ ephemeralContainers: [container('debug')], restartPolicy: 'Never' });
  const over = state([has('main', { exit: 0 }), has('debug', 'running')]);
  t.is(computeActions(done, over, context).stopPod, 'finished');
});

test('the newest two containers of a name are kept for their logs, older ones go', (t) => {
  const containers = [2, 1, 0].map((attempt) => has('main', { exit: 1 }, { attempt }));
  t.deepEqual(
    surplusContainers(podWith(), state(containers)).map(({ attempt }) => attempt),
    [0],
  );
});

test('sandboxes that hold nothing go, but the newest stays', (t) => {
  const sandboxes = [
    sandbox({ id: 's2', ready: false }),
    sandbox({ id: 's1', ready: false }),
    sandbox({ ready: false }),
  ];
  t.deepEqual(
    surplusSandboxes(state([has('main', { exit: 0 })], sandboxes)).map(({ id }) => id),
    ['s1'],
  );
});
