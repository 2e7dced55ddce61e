/** ResourceQuotas with the controller that counts, as kubectl's users meet them. */
import test from 'ava';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

test('a quota is counted, refuses what exceeds it, and has room again when something goes', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  await plane.startControllers('--controllers', 'resourcequota-controller');
  const { client } = plane;
  const namespace = 'default';
  const configMap = (name: string) => client.create('configmaps', { metadata: { namespace, name } });
  await configMap('before');
  await client.create('resourcequotas', { metadata: { namespace, name: 'q' }, spec: { hard: { configmaps: '2' } } });
  const used = (count: string) =>
    within(
      20,
      () => client.get('resourcequotas', { namespace, name: 'q' }),
      ({ status }) => status?.used?.configmaps === count,
    );
  await used('1');
  await configMap('within');
  await used('2');
  await t.throwsAsync(configMap('beyond'), {
    message:
      'configmaps "beyond" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
  });
  await client.delete('configmaps', { namespace, name: 'before' });
  await used('1');
  await t.notThrowsAsync(configMap('beyond'));
});
