/** A pod's own token, from the API into the file that the pod reads, and back to the API as its credential. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Client } from '../../../master/api/client.ts';
import { systemClock } from '../../../master/api/clock.ts';
import { loadKubeconfig } from '../../../master/api/config.ts';
import { createLogger } from '../../../master/api/logging.ts';
import type { Pod } from '../../../master/api/types.ts';
import { PodTokens, requestFrom } from '../../../node/kubelet/volumes/pod-tokens.ts';
import { Volumes } from '../../../node/kubelet/volumes/volumes.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { withToken } from '../../support/token-file.ts';

test("a pod finds its account's token where clients look for it, and the token makes it its account", async (t) => {
  const api = await startApiServers({
    extraArgs: ['--disable-admission-plugins', 'TaintNodesByCondition'],
  });
  t.teardown(api.stop);
  const { kubeconfig } = api.first;
  const directory = await mkdtemp(join(tmpdir(), 'trimaster-pod-tokens-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const client = new Client(loadKubeconfig(kubeconfig));
  t.teardown(() => client.close());
  await client.create('serviceaccounts', { metadata: { namespace: 'default', name: 'robot' } });
  const pod: Pod = await client.create('pods', {
    metadata: { namespace: 'default', name: 'p' },
    spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'x' }] },
  });
  const [volume] = pod.spec?.volumes ?? [];
  t.deepEqual(pod.spec?.containers[0]?.volumeMounts, [
    { name: volume?.name ?? '', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' },
  ]);

  const logger = createLogger('kubelet', 'silent');
  const tokens = new PodTokens({ request: requestFrom(client), clock: systemClock, logger });
  await tokens.use(pod);
  const paths = await new Volumes({ rootDirectory: directory, logger }).setUp(pod, {
    hostIp: '',
    allocatable: {},
    configMap: (name) => (name === 'kube-root-ca.crt' ? { data: { 'ca.crt': api.first.ca } } : undefined),
    secret: () => undefined,
    token: (projection) => tokens.token(pod, projection),
  });
  const file = (name: string) => readFile(join(paths.get(volume?.name ?? '') ?? '', name), 'utf8');
  t.is(await file('ca.crt'), api.first.ca);
  t.is(await file('namespace'), 'default');
  const token = await file('token');
  const own = join(directory, 'kubeconfig');
  await writeFile(own, withToken(kubeconfig, token));
  const whoami = JSON.parse(await new Kubectl(own).run('auth', 'whoami', '-o', 'json'));
  t.like(whoami.status.userInfo, {
    username: 'system:serviceaccount:default:robot',
    extra: { 'authentication.kubernetes.io/pod-name': ['p'] },
  });
});
