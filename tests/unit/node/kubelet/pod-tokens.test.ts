import test from 'ava';
import { createLogger } from '../../../../master/api/logging.ts';
import type { TokenRequest } from '../../../../master/api/types.ts';
import { payloadOf } from '../../../../node/kubelet/volumes/payloads.ts';
import { PodTokens } from '../../../../node/kubelet/volumes/pod-tokens.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { container, podWith } from './pods.ts';

const hourMs = 3_600_000;
const projection = { path: 'token', expirationSeconds: 3_600 };
const volume = { name: 'v', projected: { defaultMode: 0o600, sources: [{ serviceAccountToken: projection }] } };
const pod = podWith({ containers: [container('c')], volumes: [volume] });

function world() {
  const clock = new ManualClock();
  const asked: TokenRequest[] = [];
  const api = { down: false };
  const tokens = new PodTokens({
    clock,
    logger: createLogger('kubelet', 'silent'),
    request: async (_pod, request) => {
      if (api.down) throw new Error('no API');
      asked.push(request);
      const expirationTimestamp = new Date(clock.now() + hourMs).toISOString();
      return { ...request, status: { token: `token-${asked.length}`, expirationTimestamp } };
    },
  });
  return { clock, asked, api, tokens };
}

test('a pod’s token is asked for once, bound to the pod, and renewed in good time', async (t) => {
  const { clock, asked, tokens } = world();
  await tokens.use(pod);
  await tokens.use(pod);
  t.is(asked.length, 1);
  t.like(asked[0]?.spec?.boundObjectRef, { kind: 'Pod', name: pod.metadata?.name, uid: pod.metadata?.uid });
  t.is(tokens.nextDue(pod), clock.now() + 0.8 * hourMs);
  clock.advance(0.8 * hourMs);
  await tokens.use(pod);
  t.is(tokens.token(pod, projection), 'token-2');
  tokens.release(pod.metadata?.uid ?? '');
  t.is(tokens.token(pod, projection), undefined);
});

test('a token is used on while the API is unreachable, until it ends', async (t) => {
  const { clock, api, tokens } = world();
  await tokens.use(pod);
  api.down = true;
  clock.advance(0.9 * hourMs);
  await tokens.use(pod);
  t.is(tokens.token(pod, projection), 'token-1');
  t.true((tokens.nextDue(pod) ?? 0) > clock.now());
  clock.advance(0.2 * hourMs);
  await t.throwsAsync(tokens.use(pod), { message: 'no API' });
});

test('the token is a file of the volume, and the volume waits for it', (t) => {
  const context = { hostIp: '', allocatable: {}, configMap: () => undefined, secret: () => undefined };
  t.throws(() => payloadOf(pod, volume, context), { message: 'failed to fetch token' });
  const files = payloadOf(pod, volume, { ...context, token: () => 'text' });
  t.deepEqual([...(files ?? [])], [['token', { content: Buffer.from('text'), mode: 0o600 }]]);
});
