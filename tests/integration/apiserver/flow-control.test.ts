/** Priority and fairness on a real API server, by a configuration that is made through it. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import { Pool } from 'undici';
import { parse } from 'yaml';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers } from '../../support/apiserver.ts';
import { within } from '../../support/within.ts';

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const api = '/apis/flowcontrol.apiserver.k8s.io/v1';

test('a level of one’s own bounds what a user may do at once, and answers say where a request belonged', async (t) => {
  const servers = await startApiServers();
  t.teardown(servers.stop);
  const { kubeconfig, url, ca } = servers.first;
  const admin = new ApiClient(kubeconfig);
  t.teardown(() => admin.close());

  const { items } = await admin.json<{ items: { metadata: { name: string } }[] }>('GET', `${api}/flowschemas`);
  t.is(items.length, 13);
  const dangles = async (name: string) => {
    const { status } = await admin.json<{ status?: { conditions?: object[] } }>('GET', `${api}/flowschemas/${name}`);
    return status?.conditions ?? [];
  };
  const isTold = (conditions: readonly object[]): boolean => conditions.length === 1;
  const [exempt] = await within(30, () => dangles('exempt'), isTold);
  t.like(exempt, { type: 'Dangling', status: 'False', reason: 'Found' });

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

  const lost = { priorityLevelConfiguration: { name: 'nowhere' }, matchingPrecedence: 60, rules: [] };
  await admin.json('POST', `${api}/flowschemas`, { metadata: { name: 'lost' }, spec: lost });
  const [told] = await within(30, () => dangles('lost'), isTold);
  t.like(told, {
    ...{ status: 'True', reason: 'NotFound' },
    message:
      'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" but there is no such object',
  });
  const found = { priorityLevelConfiguration: { name: 'tight' } };
  await admin.json('PATCH', `${api}/flowschemas/lost`, { spec: found }, 'application/merge-patch+json');
  await within(
    30,
    () => dangles('lost'),
    ([now]) => now !== undefined && 'status' in now && now.status === 'False',
  );

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

  const dump = async (what: string): Promise<string[]> => {
    const { text: table } = await admin.send('GET', `/debug/api_priority_and_fairness/dump_${what}`);
    return table.trimEnd().split('\n');
  };
  const levels = await dump('priority_levels');
  t.regex(
    levels[0] ?? '',
    /^PriorityLevelName, ActiveQueues, IsIdle, +IsQuiescing, WaitingRequests, ExecutingRequests, /,
  );
  t.regex(
    levels.find((line) => line.startsWith('exempt,')) ?? '',
    /^exempt, +0, +false, +false, +0, +1, +[1-9]\d*, +0, +0, +0$/,
  );
  t.regex(
    levels.find((line) => line.startsWith('tight,')) ?? '',
    /^tight, +0, +true, +false, +0, +0, +[1-9]\d*, +[1-9]/,
  );
  t.is((await dump('queues')).filter((line) => line.startsWith('workload-low,')).length, 128);
  const [head = '', ...requests] = await dump('requests?includeRequestDetails=1');
  t.regex(head, /^PriorityLevelName, FlowSchemaName, QueueIndex, .* UserName, +Verb, +APIPath, /);
  t.regex(
    requests.join('\n'),
    /^exempt, +exempt, +-1, +-1, .* kubernetes-admin, +get, +\/debug\/api_priority_and_fairness\/dump_requests, /m,
  );
});
