/** ResourceQuotas with the controller that counts, as kubectl's users meet them. */
import test from 'ava';
import type { Client } from '../../../master/api/client.ts';
import { ControlPlane } from '../../support/control-plane.ts';
import { within } from '../../support/within.ts';

let plane: ControlPlane;

test.before(async () => {
  plane = await ControlPlane.start();
  const controllers = ['resourcequota-controller', 'root-ca-certificate-publisher-controller', 'endpoints-controller'];
  await plane.startControllers('--controllers', controllers.join(','));
});

test.after.always(() => plane?.stop());

test('a quota is counted, refuses what exceeds it, and has room again when something goes', async (t) => {
  const { client } = plane;
  const namespace = await madeNamespace('counted');
  const configMap = (name: string) => client.create('configmaps', { metadata: { namespace, name } });
  await published(namespace);
  await configMap('before');
  await client.create('resourcequotas', { metadata: { namespace, name: 'q' }, spec: { hard: { configmaps: '3' } } });
  const used = (count: string) =>
    within(
      20,
      () => client.get('resourcequotas', { namespace, name: 'q' }),
      ({ status }) => status?.used?.configmaps === count,
    );
  await used('2');
  await configMap('within');
  await used('3');
  await t.throwsAsync(configMap('beyond'), {
    message:
      'configmaps "beyond" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=3, limited: configmaps=3',
  });
  await client.delete('configmaps', { namespace, name: 'before' });
  await used('2');
  await t.notThrowsAsync(configMap('beyond'));
});

async function madeNamespace(name: string): Promise<string> {
  await plane.client.create('namespaces', { metadata: { name } });
  return name;
}

/** Resolves when the namespace has the authority of the API server, which waits up to half a minute between two attempts. */
const published = (namespace: string) =>
  within(
    60,
    () => plane.client.get('configmaps', { namespace, name: 'kube-root-ca.crt' }),
    ({ data }) => data?.['ca.crt'] !== undefined,
  );

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
  const { client } = plane;
  const namespace = await madeNamespace('full');
  const authority = { namespace, name: 'kube-root-ca.crt' };
  await published(namespace);
  // It was there before the quota, which takes nothing away.
  await limited(client, namespace, 'configmaps', '0');
  const counted = (count: string) =>
    within(
      20,
      () => client.get('resourcequotas', { namespace, name: 'q' }),
      ({ status }) => status?.used?.configmaps === count,
    );
  await counted('1');
  await client.delete('configmaps', authority);
  await counted('0');
  await t.throwsAsync(client.get('configmaps', authority), { message: 'configmaps "kube-root-ca.crt" not found' });
  await allow(client, namespace, 'configmaps', '1');
  await published(namespace);
  await t.throwsAsync(client.create('configmaps', { metadata: { namespace, name: 'mine' } }), {
    message: /exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1$/,
  });
});

test('endpoints that a quota refuses are told of, and made when there is room', async (t) => {
  const { client } = plane;
  const namespace = await madeNamespace('without-endpoints');
  await limited(client, namespace, 'count/endpoints', '0');
  const spec = { selector: { app: 'a' }, ports: [{ port: 80 }] };
  await client.create('services', { metadata: { namespace, name: 'refused' }, spec });
  const { items } = await within(
    20,
    () => client.list('events', { namespace, fieldSelector: 'reason=FailedToCreateEndpoint' }),
    ({ items }) => items.length > 0,
  );
  t.like(items[0], { type: 'Warning', involvedObject: { kind: 'Endpoints', name: 'refused' } });
  t.regex(
    items[0]?.message ?? '',
    /^Failed to create endpoint for service without-endpoints\/refused: .*exceeded quota: q/,
  );
  await allow(client, namespace, 'count/endpoints', '1');
  await t.notThrowsAsync(
    within(
      60,
      () => client.get('endpoints', { namespace, name: 'refused' }),
      () => true,
    ),
  );
});
