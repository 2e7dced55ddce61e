import test from 'ava';
import type { KubeObject } from '../../../../master/api/types.ts';
import { decodeContinue, encodeContinue } from '../../../../master/apiserver/registry/continue-token.ts';
import { configMapShape } from '../../../../master/apiserver/registry/schema/core.ts';
import { podShape } from '../../../../master/apiserver/registry/schema/pod.ts';
import { conform } from '../../../../master/apiserver/registry/schema/shape.ts';
import { selectionOf } from '../../../../master/apiserver/registry/selection.ts';
import { configMapStrategy } from '../../../../master/apiserver/registry/strategies/configmaps.ts';
import { eventStrategy } from '../../../../master/apiserver/registry/strategies/events.ts';
import { nodeStrategy } from '../../../../master/apiserver/registry/strategies/nodes.ts';
import { podStrategy } from '../../../../master/apiserver/registry/strategies/pods.ts';
import type { Strategy } from '../../../../master/apiserver/registry/strategy.ts';

const matches = (strategy: Strategy, fieldSelector: string, object: unknown): boolean | undefined =>
  selectionOf(strategy, { fieldSelector }).matches?.(object as KubeObject);

test('a field selector reads the fields of its kind, and an absent one is empty', (t) => {
  const pod = { metadata: { name: 'a', namespace: 'b' }, spec: { nodeName: 'n' }, status: { phase: 'Running' } };
  t.true(matches(podStrategy, 'spec.nodeName=n,status.phase!=Failed', pod));
  t.false(matches(podStrategy, 'metadata.name=b', pod));
  t.true(matches(podStrategy, 'status.podIP=', pod));
  t.true(matches(nodeStrategy, 'spec.unschedulable=false', { spec: {} }));
  t.true(
    matches(eventStrategy, 'involvedObject.name=p,type=Normal', { involvedObject: { name: 'p' }, type: 'Normal' }),
  );
});

test('a field that cannot be selected on is a bad request', (t) => {
  t.throws(() => selectionOf(podStrategy, { fieldSelector: 'spec.color=red' }), {
    message: 'field label not supported: spec.color',
  });
  t.throws(() => selectionOf(configMapStrategy, { fieldSelector: 'data.x=1' }), {
    message: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  });
  t.throws(() => selectionOf(podStrategy, { labelSelector: 'a in b' }), { message: /unable to parse requirement/ });
});

test('no selector is no test at all', (t) => {
  t.is(selectionOf(podStrategy, { labelSelector: '', fieldSelector: '' }).matches, undefined);
});

test('a continue token says where to go on, and nobody else’s text is one', (t) => {
  const token = { revision: 7, after: 'default/a' };
  t.deepEqual(decodeContinue(encodeContinue(token)), token);
  const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const text of [
    'x',
    forged(null),
    forged({ v: 'meta.k8s.io/v1', rv: 0, start: 'a\0' }),
    forged({ v: 'meta.k8s.io/v1', rv: 1, start: '../a\0' }),
  ]) {
    t.throws(() => decodeContinue(text), { message: /continue key is not valid/ });
  }
});

test('a value of the wrong type is named as Go’s decoder names it', (t) => {
  t.is(
    conform(podShape, { spec: { containers: 'x' } }, 'Pod'),
    'json: cannot unmarshal string into Go struct field Pod.spec.containers of type []object',
  );
  t.is(
    conform(podShape, { spec: { containers: [{ image: 7 }] } }, 'Pod'),
    'json: cannot unmarshal number into Go struct field Pod.spec.containers.image of type string',
  );
  t.is(
    conform(podShape, { metadata: { labels: { a: true } } }, 'Pod'),
    'json: cannot unmarshal bool into Go struct field Pod.metadata.labels.a of type string',
  );
  t.regex(
    conform(podShape, { spec: { terminationGracePeriodSeconds: 1.5 } }, 'Pod') ?? '',
    /cannot unmarshal number 1.5/,
  );
  t.regex(conform(podShape, { metadata: [] }, 'Pod') ?? '', /cannot unmarshal array/);
});

test('nulls are dropped, numbers become quantities, and unknown fields stay', (t) => {
  const pod = {
    metadata: { creationTimestamp: null, name: 'a' },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: 2 } }, ports: null }], later: { x: 1 } },
  };
  t.is(conform(podShape, pod, 'Pod'), undefined);
  t.deepEqual(pod as unknown, {
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }], later: { x: 1 } },
  });
  const configMap = { data: { a: null } };
  t.is(conform(configMapShape, configMap, 'ConfigMap'), undefined);
  t.deepEqual(configMap as unknown, { data: { a: '' } });
});
