import test from 'ava';
import type { KubeObject } from '../../../../master/api/types.ts';
import { decodeContinue, encodeContinue } from '../../../../master/apiserver/registry/continue-token.ts';
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
