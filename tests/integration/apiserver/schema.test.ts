/** What the schema of the API does for people: explained fields, typing errors found, patches that merge lists. */
import test from 'ava';
import { ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
let kubectl: Kubectl;
let client: ApiClient;

test.before(async () => {
  api = await startApiServers();
  kubectl = new Kubectl(api.first.kubeconfig);
  client = new ApiClient(api.first.kubeconfig);
});

test.after.always(async () => {
  await client?.close();
  await api?.stop();
});

const pod = (name: string, spec: object = {}, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...metadata },
    spec: { containers: [{ name: 'main', image: 'x:1' }], ...spec },
  });

test('kubectl explains every field of what is served', async (t) => {
  const spec = await kubectl.run('explain', 'pod.spec.containers', '--recursive');
  t.regex(spec, /^KIND:\s+Pod\nVERSION:\s+v1\n\nFIELD: containers <\[\]Container>/);
  t.regex(spec, / {2}livenessProbe\t<Probe>\n {4}exec\t<ExecAction>\n {6}command\t<\[\]string>/);
  t.regex(spec, / {2}name\t<string> -required-/);
  t.regex(spec, /limits\t<map\[string\]Quantity>/);
  const replicas = await kubectl.run('explain', 'rc.spec.replicas');
  t.regex(replicas, /FIELD: replicas <integer>\n+DESCRIPTION:\n {4}Replicas is the number of desired replicas\./);
  t.regex(
    await kubectl.run('explain', 'leases.spec'),
    /GROUP:\s+coordination.k8s.io\nKIND:\s+Lease[\s\S]*holderIdentity\t<string>/,
  );
  // From the document of OpenAPI 2 in its protobuf form, as older kubectls read it.
  const older = await kubectl.run('explain', 'pod.spec.containers.ports', '--output=plaintext-openapiv2');
  t.regex(older, /containerPort\t<integer> -required-\n +Number of port to expose/);
  const none = await kubectl.try(['explain', 'pod.spec.nothing']);
  t.regex(none.stderr, /field "nothing" does not exist/);
});

test('with strict validation a field that is unknown or said twice is refused', async (t) => {
  const typo = pod('strict', { containers: [{ name: 'main', image: 'x:1', imagePullPolice: 'Always' }] });
  const refused = await kubectl.try(['create', '-f', '-', '--validate=strict'], typo);
  t.is(
    refused.stderr.trim(),
    'Error from server (BadRequest): error when creating "STDIN": Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].imagePullPolice"',
  );
  t.regex((await kubectl.try(['create', '-f', '-'], typo)).stderr, /strict decoding error/, 'strict is the default');
  const twice = await client.send(
    'POST',
    '/api/v1/namespaces/default/configmaps?fieldValidation=Strict',
    '{"metadata":{"name":"twice"},"data":{"a":"b","a":"c"}}',
  );
  t.is(twice.status, 400);
  t.regex(
    twice.text,
    /ConfigMap in version \\"v1\\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \\"data.a\\"/,
  );
});

test('otherwise such a field is warned of or passed over, and never kept', async (t) => {
  const warned = await kubectl.try(['create', '-f', '-', '--validate=warn'], pod('warned', { later: { x: 1 } }));
  t.is(warned.code, 0);
  t.is(warned.stderr.trim(), 'Warning: unknown field "spec.later"');
  const ignored = await kubectl.try(['create', '-f', '-', '--validate=ignore'], pod('ignored', { later: { x: 1 } }));
  t.deepEqual([ignored.code, ignored.stderr], [0, '']);
  for (const name of ['warned', 'ignored']) {
    t.notRegex(await kubectl.run('get', 'pod', name, '-o', 'json'), /later/);
  }
});

test('updates and patches are validated as well', async (t) => {
  await kubectl.run('create', 'configmap', 'patched', '--from-literal=a=b');
  const path = '/api/v1/namespaces/default/configmaps/patched?fieldValidation=Strict';
  const update = await client.send('PUT', path, { metadata: { name: 'patched' }, date: { a: 'c' } });
  t.is(update.status, 400);
  t.regex(update.text, /unknown field \\"date\\"/);
  for (const type of ['merge', 'strategic-merge']) {
    const patch = await client.send('PATCH', path, { date: { a: 'c' } }, `application/${type}-patch+json`);
    t.is(patch.status, 422, type);
    t.regex(patch.text, /patch: Invalid value: .*strict decoding error: unknown field \\"date\\"/, type);
  }
  t.is(await kubectl.run('get', 'cm', 'patched', '-o', 'jsonpath={.data}'), '{"a":"b"}');
});

test('a value of the wrong type is refused with the name of its field', async (t) => {
  const wrong = await kubectl.try(['create', '-f', '-', '--validate=ignore'], pod('wrong', { hostNetwork: 'yes' }));
  t.is(
    wrong.stderr.trim(),
    'Error from server (BadRequest): error when creating "STDIN": Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
  );
});

test('apply merges lists by the keys that the schema names', async (t) => {
  const service = (...ports: object[]): string =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'merged' },
      spec: { selector: { a: 'b' }, ports },
    });
  await kubectl.feed(service({ name: 'a', port: 80 }, { name: 'b', port: 81 }), 'apply', '-f', '-');
  // Somebody else adds a port; apply leaves it, and takes away only what it had put there.
  await kubectl.run('patch', 'svc', 'merged', '-p', '{"spec":{"ports":[{"name":"c","port":82}]}}');
  await kubectl.feed(service({ name: 'a', port: 80, targetPort: 8080 }), 'apply', '-f', '-');
  t.is(
    await kubectl.run('get', 'svc', 'merged', '-o', 'jsonpath={range .spec.ports[*]}{.name}={.targetPort} {end}'),
    'a=8080 c=82 ',
  );
});
