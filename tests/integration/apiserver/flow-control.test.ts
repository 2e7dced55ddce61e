/** Priority and fairness on a real API server, by a configuration that is made through it. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { Pool } from 'undici';
import { parse } from 'yaml';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { startEtcd } from '../../support/etcd.ts';

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const api = '/apis/flowcontrol.apiserver.k8s.io/v1';

test('a level of one’s own bounds what a user may do at once, and answers say where a request belonged', async (t) => {
  const etcd = await startEtcd();
  t.teardown(etcd.stop);
  const servers = await startApiServers({ etcd: etcd.endpoints });
  t.teardown(servers.stop);
  const { kubeconfig, url, ca } = servers.first;
  const admin = new ApiClient(kubeconfig);
  t.teardown(() => admin.close());

  const { items } = await admin.json<{ items: { metadata: { name: string } }[] }>('GET', `${api}/flowschemas`);
  t.is(items.length, 13);
  const level = await admin.json<{ metadata: { uid: string } }>('POST', `${api}/prioritylevelconfigurations`, {
    metadata: { name: 'tight' },
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } },
    },
  });
  const schema = await admin.json<{ metadata: { uid: string } }>('POST', `${api}/flowschemas`, {
    metadata: { name: 'greedy' },
    spec: {
      priorityLevelConfiguration: { name: 'tight' },
      matchingPrecedence: 50,
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: 'greedy' } }],
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true }],
        },
      ],
    },
  });
  await admin.json('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'greedy' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'greedy' }],
  });

  const [{ user }] = parse(readFileSync(kubeconfig, 'utf8')).users;
  const pem = (name: string): string => Buffer.from(user[name], 'base64').toString();
  const connect = { ca, cert: pem('client-certificate-data'), key: pem('client-key-data') };
  const pool = new Pool(url, { connections: 40, connect });
  t.teardown(() => pool.destroy());
  const ask = async (): Promise<Answer> => {
    const { statusCode, headers, body } = await pool.request({
      method: 'GET',
      path: '/api/v1/namespaces/default/configmaps/none',
      headers: { 'impersonate-user': 'greedy' },
    });
    await body.dump();
    return { code: statusCode, headers };
  };
  const burst = async () => Promise.all(Array.from({ length: 40 }, ask));
  // Until the server has taken the new configuration.
  const isMine = ({ headers }: Answer): boolean => headers['x-kubernetes-pf-flowschema-uid'] === schema.metadata.uid;
  let mine: Answer[] = [];
  const first = (wanted: number): Answer | undefined => mine.find(({ code }) => code === wanted);
  for (let tries = 0; tries < 100 && !(first(429) && first(404)); tries += 1) mine = (await burst()).filter(isMine);
  t.is(first(429)?.headers['retry-after'], '1');
  t.is(first(404)?.headers['x-kubernetes-pf-prioritylevel-uid'], level.metadata.uid);
  const { text } = await admin.send('GET', '/metrics');
  t.regex(
    text,
    /apiserver_flowcontrol_rejected_requests_total\{priority_level="tight",flow_schema="greedy",reason="concurrency-limit"\} [1-9]/,
  );
  t.regex(text, /apiserver_flowcontrol_current_executing_requests\{priority_level="tight"\} 0/);
  t.regex(
    text,
    /apiserver_flowcontrol_dispatched_requests_total\{priority_level="exempt",flow_schema="exempt"\} [1-9]/,
  );
});
