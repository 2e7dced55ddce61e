import test from 'ava';
import type { HorizontalPodAutoscaler } from '../../../../../master/api/types.ts';
import { fromV2, toV2 } from '../../../../../master/apiserver/registry/versions/autoscaling-v1.ts';
import { fromCore, toCore } from '../../../../../master/apiserver/registry/versions/events-v1.ts';

const metric = { name: 'requests', selector: { matchLabels: { a: 'b' } } };
const describedObject = { apiVersion: 'v1', kind: 'Service', name: 's' };
const hpa: HorizontalPodAutoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'a', annotations: { mine: 'kept' } },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
    minReplicas: 2,
    maxReplicas: 5,
    metrics: [
      { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
      {
        type: 'ContainerResource',
        containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 5 } },
      },
      { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '3' } } },
      { type: 'Object', object: { metric, describedObject, target: { type: 'Value', value: '7' } } },
      { type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '9' } } },
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
    ],
    behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }] } },
  },
  status: {
    currentReplicas: 3,
    desiredReplicas: 4,
    currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 60 } } }],
    conditions: [{ type: 'AbleToScale', status: 'True' }],
  },
};

test('an autoscaler goes to autoscaling/v1 and back without a loss', (t) => {
  const before = structuredClone(hpa);
  const shown = fromV2(hpa);
  t.like(shown, {
    apiVersion: 'autoscaling/v1',
    spec: { targetCPUUtilizationPercentage: 70, minReplicas: 2, maxReplicas: 5 },
    status: { currentCPUUtilizationPercentage: 60, currentReplicas: 3 },
  });
  t.false('metrics' in (shown.spec ?? {}));
  t.deepEqual(toV2(shown), hpa);
  t.deepEqual(hpa, before);
});

test('the metrics of autoscaling/v1 stand in an annotation, in the form that Kubernetes writes', (t) => {
  const text = fromV2(hpa).metadata?.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '';
  t.deepEqual(JSON.parse(text).slice(0, 3), [
    { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
    { type: 'ContainerResource', containerResource: { name: 'cpu', container: 'c', targetAverageUtilization: 5 } },
    { type: 'Pods', pods: { metricName: 'requests', selector: metric.selector, targetAverageValue: '3' } },
  ]);
});

test('an annotation that cannot be read says nothing', (t) => {
  for (const text of ['', '{', '1', '[1, null]', '{"a":1}']) {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': text };
    const spec = { scaleTargetRef: { kind: 'a', name: 'b' }, maxReplicas: 1 };
    t.deepEqual(toV2({ metadata: { annotations }, spec } as never).spec, spec, text);
  }
});

test('an event goes to events.k8s.io/v1 and back without a loss', (t) => {
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'default' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    message: 'said',
    reason: 'Why',
    type: 'Normal',
    source: { component: 'c' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:01Z',
    count: 2,
    reportingComponent: 'x',
    reportingInstance: 'y',
  };
  const shown = fromCore(event);
  t.like(shown, { apiVersion: 'events.k8s.io/v1', note: 'said', deprecatedCount: 2, reportingController: 'x' });
  t.deepEqual(shown.regarding, event.involvedObject);
  t.deepEqual<object, object>(toCore(shown), event);
});
