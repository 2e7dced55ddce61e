import { connect } from 'node:net';
import test from 'ava';
import { WebhookClient } from '../../../../master/apiserver/webhooks/client.ts';
import { WebhookServer } from '../../../support/webhook-server.ts';

const review = { request: { uid: '1' } };
const options = { timeoutMs: 5_000 };

test('a Service is reached at an endpoint and must prove that it is the Service', async (t) => {
  const server = await WebhookServer.start('hook.team.svc');
  server.answer('/ask', () => ({ allowed: true }));
  t.teardown(() => server.stop());
  const dialled: unknown[] = [];
  const client = new WebhookClient({
    userAgent: 'test',
    dial: async (service) => {
      dialled.push(service);
      return connect(server.port, '127.0.0.1');
    },
  });
  t.teardown(() => client.close());
  const { caBundle } = server;
  const service = { namespace: 'team', name: 'hook', path: '/ask' };
  for (let time = 0; time < 2; time++) {
    t.like(await client.call({ service, caBundle }, review, options), { response: { uid: '1', allowed: true } });
  }
  t.deepEqual(dialled, [{ namespace: 'team', name: 'hook', port: 443 }], 'the connection is kept');
  await t.throwsAsync(client.call({ service: { ...service, name: 'other' }, caBundle }, review, options), {
    message: /^Post "https:\/\/other\.team\.svc:443\/ask\?timeout=5s": tls: failed to verify certificate: x509: /,
  });
});

test('what goes wrong is told in the words of Kubernetes’ client', async (t) => {
  const server = await WebhookServer.start();
  const { url, caBundle } = server;
  const client = new WebhookClient({ userAgent: 'test' });
  t.teardown(() => client.close());
  const said = async (path: string, trusted = caBundle): Promise<string> => {
    const error = await t.throwsAsync(client.call({ url: url + path, caBundle: trusted }, review, options));
    return error?.message.replace(url, 'https://x') ?? '';
  };
  server.answer('/broken', () => 500);
  t.is(await said('/broken'), 'an error on the server ("broken") has prevented the request from succeeding');
  t.is(await said('/none'), 'the server could not find the requested resource');
  t.is(
    await said('/broken', ''),
    'Post "https://x/broken?timeout=5s": tls: failed to verify certificate: x509: certificate signed by unknown authority',
  );
  const { port } = server;
  await server.stop();
  t.is(
    await said('/gone'),
    `Post "https://x/gone?timeout=5s": dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
});
