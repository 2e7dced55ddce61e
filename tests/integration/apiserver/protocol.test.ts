/** The API as a client sees it on the wire: what is wrong with a request, and how lists answer. */
import test from 'ava';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';

let api: TestApiServers;
let admin: ApiClient;

test.before(async () => {
  api = await startApiServers();
  admin = new ApiClient(api.first.kubeconfig);
});

test.after.always(async () => {
  await admin?.close();
  await api?.stop();
});

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name }, data });

test('metrics have Kubernetes’ names', async (t) => {
  await admin.json('POST', configMaps, configMap('measured'));
  for await (const _ of admin.watch(`${configMaps}?watch=1&timeoutSeconds=1`, new AbortController().signal));
  const { text } = await admin.send('GET', '/metrics');
  for (const line of [
    /^etcd_request_duration_seconds_count\{operation="create",type="configmaps"\} [1-9]/m,
    /^apiserver_watch_events_total\{group="",version="v1",kind="ConfigMap"\} [1-9]/m,
    /^apiserver_longrunning_requests\{verb="WATCH",group="",version="v1",resource="configmaps"/m,
    /^apiserver_request_duration_seconds_bucket\{verb="POST".*resource="configmaps".*le="60"\} [1-9]/m,
    /^apiserver_current_inflight_requests\{request_kind="readOnly"\} [1-9]/m,
    /^apiserver_storage_objects\{resource="configmaps"\} [1-9]/m,
  ]) {
    t.regex(text, line);
  }
});

test('every answer names its request, as the client does or by an ID of its own', async (t) => {
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  const created = await admin.send('POST', configMaps, configMap('with-an-id'));
  const known = new Set([created.headers['audit-id']]);
  const paths = [`${configMaps}/with-an-id`, configMaps, `${configMaps}/none`, '/version', '/healthz', '/nothing'];
  for (const path of [...paths, `${configMaps}?watch=1&timeoutSeconds=1`]) {
    const { headers } = await admin.send('GET', path);
    t.regex(String(headers['audit-id']), uuid, path);
    known.add(headers['audit-id']);
  }
  t.is(known.size, 8);
  const own = { 'audit-id': 'mine'.repeat(20) };
  t.is((await admin.send('GET', configMaps, undefined, undefined, own)).headers['audit-id'], own['audit-id']);
});

test('HEAD is not among the verbs of resources, but is of health checks', async (t) => {
  for (const path of [
    configMaps,
    `${configMaps}/any`,
    '/api/v1/nodes/any/status',
    '/version',
    '/api/v1',
    '/apis/apps/v1',
  ])
    t.is((await admin.send('HEAD', path)).status, 405, path);
  for (const path of ['/healthz', '/metrics', '/apis']) t.is((await admin.send('HEAD', path)).status, 200, path);
});

test('discovery says where the server is', async (t) => {
  const { serverAddressByClientCIDRs } = await admin.json<{ serverAddressByClientCIDRs: object[] }>('GET', '/api');
  t.deepEqual(serverAddressByClientCIDRs, [{ clientCIDR: '0.0.0.0/0', serverAddress: `10.1.2.3:${api.first.port}` }]);
});

test('an update of version 0 is one of whatever version there is', async (t) => {
  await admin.json('POST', configMaps, configMap('unconditional'));
  const update = {
    ...configMap('unconditional', { a: 'b' }),
    metadata: { name: 'unconditional', resourceVersion: '0' },
  };
  t.like(await admin.json('PUT', `${configMaps}/unconditional`, update), { data: { a: 'b' } });
});

test('a long selector is no fault', async (t) => {
  const names = Array.from({ length: 4_000 }, (_, index) => `name-${index}`).join(',');
  const { status } = await admin.send('GET', `${configMaps}?labelSelector=${encodeURIComponent(`app in (${names})`)}`);
  t.is(status, 200);
});

test('whatever is wrong with a request is a Status of the right code, and the server lives on', async (t) => {
  const big = { ...configMap('big'), data: { a: 'x'.repeat(3.5 * 1024 * 1024) } };
  const json = 'application/json';
  const cases: [code: number, method: 'GET' | 'POST' | 'PUT' | 'PATCH', path: string, body?: unknown, type?: string][] =
    [
      [400, 'POST', configMaps, [], json],
      [400, 'POST', configMaps, { kind: 'Secret' }, json],
      [400, 'POST', configMaps, configMap('a'), 'application/vnd.kubernetes.protobuf'],
      [413, 'POST', configMaps, big, json],
      [415, 'POST', configMaps, configMap('a'), 'text/plain'],
      [415, 'PATCH', `${configMaps}/a`, {}, 'application/apply-patch+cbor'],
      [422, 'PATCH', `${configMaps}/a`, {}, 'application/apply-patch+yaml'],
      [422, 'POST', configMaps, configMap('Not_A_Name'), json],
      [422, 'POST', `${configMaps}?dryRun=Some`, configMap('a'), json],
      [404, 'GET', '/api/v1/nothings'],
      [404, 'GET', '/apis/no.such.group/v1/things'],
      [404, 'GET', `${configMaps}/nope`],
      [404, 'GET', '/nothing'],
      [405, 'POST', '/api/v1/configmaps', configMap('a'), json],
      [405, 'PUT', configMaps, configMap('a'), json],
      [405, 'POST', '/version', {}, json],
      [400, 'GET', `${configMaps}?limit=many`],
      [400, 'GET', `${configMaps}?labelSelector=a%20b`],
      [400, 'GET', `${configMaps}?continue=nonsense`],
      [400, 'GET', `${configMaps}?watch=1&resourceVersion=nonsense`],
    ];
  for (const [code, method, path, body, type] of cases) {
    const { status, text } = await admin.send(method, path, body, type);
    t.is(status, code, `${method} ${path}: ${text}`);
    const answer = JSON.parse(text);
    t.like(answer, { kind: 'Status', status: 'Failure', code }, path);
  }
  t.is((await api.first.ask('/readyz')).text, 'ok');
});

test('what is wrong with the parameters of a list, watch or deletion is told as Kubernetes tells it', async (t) => {
  const made = await admin.json<{ metadata: { uid: string } }>('POST', configMaps, configMap('asked-of'));
  const token = (value: object) => `continue=${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
  const version = 'meta.k8s.io/v1';
  const key = 'invalid continue token: continue key is not valid';
  const options = (kind: string) => `${kind}.meta.k8s.io "" is invalid`;
  const match = `${options('ListOptions')}: resourceVersionMatch`;
  const record = `does not match the UID in record (${made.metadata.uid})`;
  const cases: [method: 'GET' | 'POST' | 'DELETE', query: string, code: number, message: string, body?: object][] = [
    ['GET', '?limit=1&continue=eHg', 400, key],
    ['GET', `?${token({ v: 'x' })}`, 400, `${key}: server does not recognize this encoded version x`],
    [
      'GET',
      `?${token({ v: version, rv: 0 })}`,
      400,
      `${key}: incorrect encoded start resourceVersion (version ${version})`,
    ],
    ['GET', `?${token({ v: version, rv: 1 })}`, 400, `${key}: encoded start key empty (version ${version})`],
    ['GET', `?${token({ v: version, rv: 1, start: '../x' })}`, 400, `${key}: ../x`],
    [
      'GET',
      '?resourceVersion=1&resourceVersionMatch=Some',
      422,
      `${match}: Unsupported value: "Some": supported values: "Exact", "NotOlderThan", ""`,
    ],
    [
      'GET',
      '?watch=true&sendInitialEvents=true',
      422,
      `${match}: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan`,
    ],
    [
      'GET',
      '?labelSelector=a+b',
      400,
      "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    ],
    [
      'POST',
      '?fieldManager=%01',
      422,
      `${options('CreateOptions')}: fieldManager: Invalid value: "\\u0001": should only contain printable characters`,
      configMap('asked-by'),
    ],
    [
      'DELETE',
      '/asked-of?propagationPolicy=Some',
      422,
      `${options('DeleteOptions')}: propagationPolicy: Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil"`,
    ],
    [
      'DELETE',
      '/asked-of',
      409,
      `Operation cannot be fulfilled on ConfigMap "asked-of": the UID in the precondition (x) ${record}. The object might have been deleted and then recreated`,
      { preconditions: { uid: 'x' } },
    ],
  ];
  for (const [method, query, code, message, body] of cases) {
    const { status, text } = await admin.send(method, configMaps + query, body);
    t.is(status, code, text);
    t.is(JSON.parse(text).message, message);
  }
});

test('who names one object sees that one, also where the path or the query says watch', async (t) => {
  for (const name of ['named', 'not-named']) await admin.json('POST', configMaps, configMap(name));
  const read = await admin.json<object>('GET', `${configMaps}/named?watch=true`);
  t.like(read, { kind: 'ConfigMap', metadata: { name: 'named' } });
  const old = '/api/v1/watch/namespaces/default/configmaps/named?timeoutSeconds=1';
  const { text } = await admin.send('GET', old);
  const events = text.trim().split('\n');
  t.deepEqual(
    events.map((line) => JSON.parse(line).object.metadata.name),
    ['named'],
  );
});

test('the items of a list say their kind only where the list does not say it for them', async (t) => {
  const labels = { listed: 'typed' };
  for (const name of ['typed-1', 'typed-2']) await admin.json('POST', configMaps, { metadata: { name, labels } });
  type Said = { kind?: string; apiVersion?: string; metadata?: { name: string } };
  type List = { kind: string; items: Said[]; metadata: { continue?: string } };
  const list = (query: string, path = configMaps): Promise<List> => admin.json('GET', `${path}?${query}`);
  const selected = 'labelSelector=listed%3Dtyped';
  const page = await list('limit=1');
  const untyped: List[] = [
    page,
    await list(`limit=1&continue=${page.metadata.continue}`),
    await list(selected),
    await list(`${selected}&resourceVersion=0`),
    await list(selected, '/api/v1/configmaps'),
    await list('', '/apis/rbac.authorization.k8s.io/v1/clusterroles'),
    // Seen in another version than they are stored in.
    await list('', '/apis/networking.k8s.io/v1/servicecidrs'),
  ];
  for (const { kind, items } of untyped) {
    t.true(items.length > 0, kind);
    for (const item of items) t.deepEqual([item.kind, item.apiVersion], [undefined, undefined], kind);
    t.truthy(items[0]?.metadata?.name, kind);
  }
  const objects = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const rows = await admin.send('GET', `${configMaps}?${selected}&includeObject=Object`, undefined, '', {
    accept: objects,
  });
  t.like(JSON.parse(rows.text).rows[0].object, { kind: 'ConfigMap', apiVersion: 'v1' });
  const watch = `${configMaps}?${selected}&watch=1&timeoutSeconds=1`;
  for await (const line of admin.watch(watch, new AbortController().signal)) {
    t.like(JSON.parse(line).object, { kind: 'ConfigMap', apiVersion: 'v1' });
  }
  const deleted = await admin.json<List>('DELETE', `${configMaps}?${selected}`);
  t.deepEqual([deleted.kind, deleted.items.map(({ kind }) => kind)], ['ConfigMapList', [undefined, undefined]]);
});

test('an old client is given tables and metadata as the version that it knows', async (t) => {
  await admin.json('POST', configMaps, configMap('of-old'));
  const apiVersion = 'meta.k8s.io/v1beta1';
  const as = (kind: string) => ({ accept: `application/json;as=${kind};v=v1beta1;g=meta.k8s.io` });
  const ask = async (path: string, kind: string) => {
    const { status, text } = await admin.send('GET', path, undefined, '', as(kind));
    t.is(status, 200, text);
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const [table] = await ask(`${configMaps}/of-old`, 'Table');
  t.like(table, { kind: 'Table', apiVersion });
  t.like(table.rows[0].object, { kind: 'PartialObjectMetadata', apiVersion });
  const [metadata] = await ask(`${configMaps}/of-old`, 'PartialObjectMetadata');
  t.like(metadata, { kind: 'PartialObjectMetadata', apiVersion, metadata: { name: 'of-old' } });
  const [list] = await ask(configMaps, 'PartialObjectMetadataList');
  t.like(list, { kind: 'PartialObjectMetadataList', apiVersion });
  t.like(list.items[0], { kind: 'PartialObjectMetadata', apiVersion });
  const watch = `${configMaps}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dof-old`;
  for (const kind of ['Table', 'PartialObjectMetadata']) {
    const events = await ask(watch, kind);
    t.deepEqual(
      events.map(({ type, object }) => [type, object.kind, object.apiVersion]),
      ['ADDED', 'BOOKMARK'].map((type) => [type, kind, apiVersion]),
    );
  }
});

test('a field selector chooses by a value with commas and equals signs in it', async (t) => {
  const events = '/api/v1/namespaces/default/events';
  const regarding = { involvedObject: { kind: 'Node', name: 'n', namespace: 'default' } };
  const reason = 'a,b=c\\';
  await admin.json('POST', events, { metadata: { name: 'escaped.1' }, ...regarding, reason });
  const escaped = reason.replaceAll(/[\\,=]/g, '\\$&');
  const list = (selector: string) => admin.send('GET', `${events}?fieldSelector=${encodeURIComponent(selector)}`);
  const names = ({ text }: { text: string }) =>
    JSON.parse(text).items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  t.deepEqual(names(await list(`reason=${escaped}`)), ['escaped.1']);
  t.false(names(await list(`reason!=${escaped}`)).includes('escaped.1'));
  const { status, text } = await list('reason=a=b');
  t.is(status, 400);
  t.is(JSON.parse(text).message, 'invalid field selector: unescaped character in value: 61');
});

test('a continue token of a state that is yet to come is waited for, and then refused as Kubernetes refuses it', async (t) => {
  const token = { v: 'meta.k8s.io/v1', rv: 1_000_000_000_000, start: 'a\0' };
  const text = Buffer.from(JSON.stringify(token)).toString('base64url');
  const answer = await admin.send('GET', `${configMaps}?limit=1&continue=${text}`);
  const { reason, message, details } = JSON.parse(answer.text);
  t.is(answer.status, 504, answer.text);
  t.is(reason, 'Timeout');
  t.regex(message, /^Too large resource version: 1000000000000, current: \d+$/);
  t.is(details.retryAfterSeconds, 1);
  t.deepEqual(details.causes, [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }]);
});

test('what is wrong with a patch is told as Kubernetes tells it', async (t) => {
  await admin.json('POST', configMaps, { ...configMap('patched'), data: { a: 'b' } });
  const [json, merge, strategic] = ['json', 'merge', 'strategic-merge'].map((type) => `application/${type}-patch+json`);
  const rejected = 'the server rejected our request due to an error in our request';
  const invalid = ' "" is invalid: patch: Invalid value: ';
  const cases: [code: number, type: string | undefined, body: unknown, message: string | RegExp][] = [
    [422, json, [{ op: 'test', path: '/data/a', value: 'c' }], rejected],
    [422, json, [{ op: 'remove', path: '/data/none' }], rejected],
    [
      400,
      json,
      { op: 'add' },
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    ],
    [400, json, [1], 'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp'],
    [
      400,
      merge,
      [],
      'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    [400, merge, '{a}', "error decoding patch: invalid character 'a' looking for beginning of object key string"],
    [400, strategic, '{"a"', 'unexpected end of JSON input'],
    [400, strategic, { data: { $patch: 'explode' } }, 'unknown patch type: explode in map: map[$patch:explode]'],
    [422, strategic, { data: [1] }, `${invalid}"map[data:[1]]": cannot restore map from slice`],
    [
      422,
      merge,
      { data: { a: 1 } },
      /^ "" is invalid: patch: Invalid value: "\{.*\\"data\\":\{\\"a\\":1\}.*": json: cannot unmarshal number/,
    ],
    [422, merge, { kind: 'Nothing' }, /no kind "Nothing" is registered for version "v1" in scheme/],
    [
      422,
      merge,
      { metadata: { labels: { 'a b': 'c' } } },
      /^ConfigMap "patched" is invalid: metadata.labels: Invalid value: "a b": /,
    ],
    [
      400,
      merge,
      { metadata: { name: 'b' } },
      'the name of the object (b) does not match the name on the URL (patched)',
    ],
    [
      415,
      'text/plain',
      {},
      /^the body of the request was in an unknown format - accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/strategic-merge-patch\+json, application\/apply-patch\+yaml$/,
    ],
  ];
  for (const [code, type, body, message] of cases) {
    const { status, text } = await admin.send('PATCH', `${configMaps}/patched`, body, type);
    const answer = JSON.parse(text);
    t.is(status, code, text);
    if (typeof message === 'string') t.is(answer.message, message);
    else t.regex(answer.message, message);
    const cause = answer.details?.causes?.[0];
    if (code === 422 && answer.message !== rejected) t.regex(cause?.field, /^(patch|metadata\.labels)$/, text);
  }
  const unknown = [{ op: 'replace', path: '/data/a', value: 'c', vaule: 1 }];
  const strict = await admin.send('PATCH', `${configMaps}/patched?fieldValidation=Strict`, unknown, json);
  t.is(strict.status, 422);
  t.regex(strict.text, /strict decoding error: json patch unknown field \\"\[0\].vaule\\"/);
});

test('answers are written over several lines for a person, and on one for a program', async (t) => {
  await admin.json('POST', configMaps, configMap('read-by-a-person'));
  const path = `${configMaps}/read-by-a-person`;
  const lines = async (target: string, agent: string): Promise<boolean> => {
    const { text } = await admin.send('GET', target, undefined, undefined, { 'user-agent': agent });
    t.is(JSON.parse(text).kind === undefined, target === '/version', target);
    return text.startsWith('{\n  "');
  };
  const cases: [target: string, agent: string, expected: boolean][] = [
    [path, 'curl/8.0', true],
    [path, 'kubectl/v1.36.0', false],
    [`${path}?pretty=true`, 'kubectl/v1.36.0', true],
    [`${path}?pretty=0`, 'curl/8.0', false],
    [configMaps, 'Mozilla/5.0 (X11)', true],
    [`${configMaps}?limit=1&pretty=1`, 'any', true],
    [`${path}-not`, 'Wget/1.21', true],
    ['/apis/apps/v1', 'curl/8.0', true],
    ['/apis/apps/v1', 'any', false],
    ['/version', 'any', true],
  ];
  for (const [target, agent, expected] of cases) t.is(await lines(target, agent), expected, `${target} ${agent}`);
});
