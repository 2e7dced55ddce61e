import test from 'ava';
import { podRequests, scoredRequests } from '../../../master/scheduler/resources.ts';
import { pod } from './objects.ts';

const container = (cpu: string, more: { restartPolicy?: string } = {}) => ({
  name: `c${cpu}`,
  resources: { requests: { cpu } },
  ...more,
});

test('containers add up, and the overhead comes on top', (t) => {
  const sum = podRequests(
    pod('a', { spec: { containers: [container('1'), container('500m')], overhead: { cpu: '10m', memory: '1Mi' } } }),
  );
  t.is(sum.milliCpu, 1_510);
  t.is(sum.memory, 1024 * 1024);
});

test('an init container counts only where it needs more than what runs after it', (t) => {
  const spec = { containers: [container('1')], initContainers: [container('3')] };
  t.is(podRequests(pod('a', { spec })).milliCpu, 3_000);
  const small = { containers: [container('1')], initContainers: [container('500m')] };
  t.is(podRequests(pod('a', { spec: small })).milliCpu, 1_000);
});

test('a sidecar runs beside the containers and beside the init containers after it', (t) => {
  const sidecar = container('1', { restartPolicy: 'Always' });
  const before = { containers: [container('1')], initContainers: [sidecar, container('2')] };
  t.is(podRequests(pod('a', { spec: before })).milliCpu, 3_000);
  const after = { containers: [container('500m')], initContainers: [container('2'), sidecar] };
  t.is(podRequests(pod('a', { spec: after })).milliCpu, 2_000);
});

test('for scoring, a container that asks for nothing counts a little', (t) => {
  t.is(podRequests(pod('a')).milliCpu, 0);
  t.is(scoredRequests(pod('a')).milliCpu, 100);
  t.is(scoredRequests(pod('a', { cpu: '2' })).milliCpu, 2_000);
});
