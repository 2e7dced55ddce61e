import test from 'ava';
import { portOf } from '../../../../node/kubelet/probes/http-get.ts';
import { type ProbeState, stepProbe } from '../../../../node/kubelet/probes/probe-state.ts';
import { container } from './pods.ts';

const run = (outcomes: ('success' | 'failure' | 'unknown')[], thresholds = {}): ProbeState | undefined =>
  outcomes.reduce<ProbeState | undefined>((state, outcome) => stepProbe(state, outcome, thresholds), undefined);

test('one success is enough, three failures are needed', (t) => {
  t.is(run(['success'])?.result, 'success');
  t.is(run(['success', 'failure', 'failure'])?.result, 'success');
  t.is(run(['success', 'failure', 'failure', 'failure'])?.result, 'failure');
  t.is(run(['failure'])?.result, 'pending');
});

test('outcomes must come in a row', (t) => {
  t.is(run(['success', 'failure', 'failure', 'success', 'failure'])?.result, 'success');
  t.is(run(['success', 'success'], { successThreshold: 3 })?.result, 'pending');
});

test('a probe that could not be made changes nothing', (t) => {
  t.is(run(['success', 'unknown', 'unknown', 'unknown'])?.result, 'success');
});

test('ports are numbers or names of the container’s ports', (t) => {
  const web = container('main', { ports: [{ name: 'web', containerPort: 8080 }] });
  t.deepEqual([portOf(80, web), portOf('81', web), portOf('web', web)], [80, 81, 8080]);
  t.throws(() => portOf('other', web), { message: "couldn't find port: other" });
});
