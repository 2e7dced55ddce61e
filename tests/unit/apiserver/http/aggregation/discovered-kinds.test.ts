import test from 'ava';
import { kindsIn } from '../../../../../master/apiserver/http/aggregation/discovered-kinds.ts';

test('what another server lists becomes rows, with their subresources', (t) => {
  const list = {
    kind: 'APIResourceList',
    resources: [
      { name: 'gauges', singularName: 'gauge', namespaced: true, kind: 'Gauge', verbs: ['get'], shortNames: ['gg'] },
      { name: 'gauges/scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['update'] },
      { name: 3 },
      null,
    ],
  };
  t.deepEqual(kindsIn(list, 'example.com', 'v1'), [
    {
      ...{ kind: 'Gauge', resource: 'gauges', singular: 'gauge', group: 'example.com', version: 'v1' },
      ...{ namespaced: true, shortNames: ['gg'], categories: [], verbs: ['get'] },
      subresources: [{ name: 'scale', verbs: ['update'], kind: 'Scale', group: 'autoscaling', version: 'v1' }],
    },
  ]);
  for (const wrong of [null, [], {}, { resources: 'all' }]) t.throws(() => kindsIn(wrong, 'example.com', 'v1'));
});
