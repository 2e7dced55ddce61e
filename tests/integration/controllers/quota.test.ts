/** ResourceQuotas with the controller that counts, as kubectl's users meet them. */
import test from 'ava';
import type { Client } from '../../../master/api/client.ts';
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

/** A namespace in which a quota allows so many objects of a resource, and has been counted. */
async function limited(client: Client, namespace: string, resource: string, most: string): Promise<void> {
  await client.create('resourcequotas', { metadata: { namespace, name: 'q' }, spec: { hard: { [resource]: most } } });
  await within(
    20,
    () => client.get('resourcequotas', { namespace, name: 'q' }),
    ({ status }) => status?.hard?.[resource] === most,
  );
}

const allow = (client: Client, namespace: string, resource: string, most: string) =>
  client.patch('resourcequotas', { namespace, name: 'q' }, { spec: { hard: { [resource]: most } } }, { type: 'merge' });

test('the authority of the API server counts in a quota, and waits for room where there is none', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  await plane.startControllers('--controllers', 'resourcequota-controller,root-ca-certificate-publisher-controller');
  const { client } = plane;
  const authority = { namespace: 'default', name: 'kube-root-ca.crt' };
  const published = () =>
    within(
      60,
      () => client.get('configmaps', authority),
      ({ data }) => data?.['ca.crt'] !== undefined,
    );
  await published();
  // It was there before the quota, which takes nothing away.
  await limited(client, 'default', 'configmaps', '0');
  const { status } = await client.get('resourcequotas', { namespace: 'default', name: 'q' });
  t.is(status?.used?.configmaps, '1');
  await client.delete('configmaps', authority);
  const counted = await within(
    20,
    () => client.get('resourcequotas', { namespace: 'default', name: 'q' }),
    (quota) => quota.status?.used?.configmaps === '0',
  );
  t.is(counted.status?.hard?.configmaps, '0');
  await t.throwsAsync(client.get('configmaps', authority), { message: 'configmaps "kube-root-ca.crt" not found' });
  await allow(client, 'default', 'configmaps', '1');
  await published();
  await t.throwsAsync(client.create('configmaps', { metadata: { namespace: 'default', name: 'mine' } }), {
    message: /exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1$/,
  });
});

test('endpoints that a quota refuses are told of, and made when there is room', async (t) => {
  const plane = await ControlPlane.start();
  t.teardown(() => plane.stop());
  await plane.startControllers('--controllers', 'resourcequota-controller,endpoints-controller');
  const { client } = plane;
  await limited(client, 'default', 'count/endpoints', '0');
  const spec = { selector: { app: 'a' }, ports: [{ port: 80 }] };
  await client.create('services', { metadata: { namespace: 'default', name: 'refused' }, spec });
  const { items } = await within(
    20,
    () => client.list('events', { namespace: 'default', fieldSelector: 'reason=FailedToCreateEndpoint' }),
    ({ items }) => items.length > 0,
  );
  t.like(items[0], { type: 'Warning', involvedObject: { kind: 'Endpoints', name: 'refused' } });
  t.regex(items[0]?.message ?? '', /^Failed to create endpoint for service default\/refused: .*exceeded quota: q/);
  await allow(client, 'default', 'count/endpoints', '5');
  await t.notThrowsAsync(
    within(
      60,
      () => client.get('endpoints', { namespace: 'default', name: 'refused' }),
      () => true,
    ),
  );
});
