/** Aggregated cluster roles, with a controller manager that may do no more than its own role says. */
import test from 'ava';
import type { ClusterRole } from '../../../master/api/types.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

test('admin, edit and view come about from the roles that their labels gather, and follow them', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  await plane.startControllers();
  const allows = (name: string, verb: string, resource: string) =>
    within(
      20,
      () => plane.client.get('clusterroles', { name }),
      ({ rules = [] }: ClusterRole) =>
        rules.some(({ verbs, resources = [] }) => verbs.includes(verb) && resources.includes(resource)),
    );
  const view = await allows('view', 'list', 'pods');
  t.false((view.rules ?? []).some(({ resources = [] }) => resources.includes('secrets')));
  await allows('edit', 'create', 'pods');
  await allows('admin', 'create', 'rolebindings');
  await allows('admin', 'list', 'pods');

  await plane.client.create('clusterroles', {
    metadata: { name: 'more', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
    rules: [{ verbs: ['list'], apiGroups: ['example.com'], resources: ['widgets'] }],
  });
  await allows('admin', 'list', 'widgets');
  t.pass();
});
