/** Kinds that CustomResourceDefinitions add, as kubectl meets them: over two API servers, which learn of them by themselves. */
import test from 'ava';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { Kubectl } from '../../support/kubectl.ts';

let api: TestApiServers;
/** kubectl at the first server, and at the other one. */
let kubectl: Kubectl;
let other: Kubectl;

test.before(async () => {
  api = await startApiServers({ count: 2 });
  kubectl = new Kubectl(api.first.kubeconfig);
  other = new Kubectl(api.servers[1]?.kubeconfig ?? '');
});

test.after.always(async () => {
  await api?.stop();
});

const cronTabs = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: crontabs.stable.example.com }
spec:
  group: stable.example.com
  scope: Namespaced
  names: { plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all] }
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector }
    selectableFields: [{ jsonPath: .spec.image }]
    additionalPrinterColumns:
    - { name: Spec, type: string, description: When it runs, jsonPath: .spec.cronSpec }
    - { name: Replicas, type: integer, jsonPath: .spec.replicas }
    - { name: Ready, type: string, priority: 1, jsonPath: '.status.conditions[?(@.type=="Ready")].status' }
    - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }
    schema:
      openAPIV3Schema:
        type: object
        description: A job that runs now and then
        required: [spec]
        properties:
          spec:
            type: object
            required: [cronSpec]
            x-kubernetes-validations:
            - { rule: 'self.minReplicas <= self.replicas', message: too few replicas }
            - rule: 'self.replicas <= self.maxReplicas'
              messageExpression: '"at most %d replicas".format([self.maxReplicas])'
              fieldPath: .replicas
            - { rule: 'self.image == oldSelf.image', message: image is fixed, reason: FieldValueForbidden }
            properties:
              cronSpec: { type: string, pattern: '^(\\S+\\s+){4}\\S+$', description: When it runs }
              image: { type: string, default: busybox, maxLength: 20 }
              replicas: { type: integer, minimum: 1, maximum: 10, default: 1 }
              minReplicas: { type: integer, default: 0 }
              maxReplicas: { type: integer, default: 5 }
              policy: { type: string, enum: [Allow, Forbid] }
              port: { x-kubernetes-int-or-string: true }
              ports:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: { name: { type: string }, port: { type: integer } }
              free: { type: object, x-kubernetes-preserve-unknown-fields: true }
          status:
            type: object
            properties:
              replicas: { type: integer }
              selector: { type: string }
              conditions:
                type: array
                items: { type: object, properties: { type: { type: string }, status: { type: string } } }
`;

const cronTab = (name: string, spec: string): string => `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: ${name} }
spec: ${spec}
`;

test.serial('a definition is established, and its kind is served by every API server at once', async (t) => {
  await kubectl.feed(cronTabs, 'apply', '-f', '-');
  t.regex(
    await kubectl.run('wait', '--for=condition=Established', '--timeout=20s', 'crd/crontabs.stable.example.com'),
    /condition met/,
  );
  t.is(await other.run('get', 'crontabs'), '');
  t.regex(
    await other.run('api-resources', '--api-group=stable.example.com'),
    /crontabs\s+ct\s+stable.example.com\/v1\s+true\s+CronTab/,
  );
  t.regex(await other.run('api-versions'), /stable\.example\.com\/v1/);
  t.is(
    await kubectl.run(
      'get',
      'crd',
      'crontabs.stable.example.com',
      '-o',
      'jsonpath={.status.acceptedNames.shortNames[0]} {.status.storedVersions}',
    ),
    'ct ["v1"]',
  );
});

test.serial('objects are defaulted, pruned and printed with the columns of their definition', async (t) => {
  const spec = '{ cronSpec: "* * * * */5", port: http, free: { a: { b: 1 } } }';
  t.is(await kubectl.feed(cronTab('one', spec), 'apply', '-f', '-'), 'crontab.stable.example.com/one created\n');
  t.deepEqual(JSON.parse(await other.run('get', 'ct', 'one', '-o', 'jsonpath={.spec}')), {
    ...{ cronSpec: '* * * * */5', port: 'http', free: { a: { b: 1 } } },
    ...{ image: 'busybox', replicas: 1, minReplicas: 0, maxReplicas: 5 },
  });
  t.regex(await other.run('get', 'ct'), /^NAME\s+SPEC\s+REPLICAS\s+AGE\none\s+\* \* \* \* \*\/5\s+1\s+\d+s\n$/);
  t.regex(await kubectl.run('get', 'all'), /crontab\.stable\.example\.com\/one/);
  t.regex(await kubectl.run('get', 'ct', '--field-selector', 'spec.image=busybox', '-o', 'name'), /one/);
  t.is(await kubectl.run('get', 'ct', '--field-selector', 'spec.image!=busybox', '-o', 'name'), '');
  const unknown = await kubectl.try(['apply', '-f', '-'], cronTab('two', '{ cronSpec: "* * * * *", nope: 1 }'));
  t.regex(unknown.stderr, /strict decoding error: unknown field "spec\.nope"/);
  const warned = await kubectl.try(
    ['apply', '--validate=warn', '-f', '-'],
    cronTab('two', '{ cronSpec: "* * * * *", nope: 1 }'),
  );
  t.regex(warned.stderr, /unknown field "spec\.nope"/);
  t.is(await kubectl.run('get', 'ct', 'two', '-o', 'jsonpath={.spec.nope}'), '');
});

test.serial('what breaks the schema or a rule is refused, and the field is named', async (t) => {
  const refused = async (spec: string): Promise<string> =>
    (await kubectl.try(['create', '-f', '-'], cronTab('bad', spec))).stderr;
  t.regex(
    await refused('{ cronSpec: now }'),
    /The CronTab "bad" is invalid: spec\.cronSpec: Invalid value: "now": spec\.cronSpec in body should match/,
  );
  t.regex(await refused('{ replicas: 1 }'), /spec\.cronSpec: Required value/);
  t.regex(
    await refused('{ cronSpec: "* * * * *", replicas: many }'),
    /spec\.replicas: Invalid value: "string": spec\.replicas in body must be of type integer: "string"/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", replicas: 11 }'),
    /spec\.replicas in body should be less than or equal to 10/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", policy: Maybe }'),
    /spec\.policy: Unsupported value: "Maybe": supported values: "Allow", "Forbid"/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", image: 123456789012345678901 }'),
    /spec\.image: .*must be of type string/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", image: "123456789012345678901" }'),
    /spec\.image: Too long: may not be more than 20 bytes/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", ports: [{ name: a }, { name: a }] }'),
    /spec\.ports\[1\]: Duplicate value: {"name":"a"}/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", replicas: 2, minReplicas: 3 }'),
    /spec: Invalid value: "object": too few replicas/,
  );
  t.regex(
    await refused('{ cronSpec: "* * * * *", replicas: 6 }'),
    /spec\.replicas: Invalid value: "object": at most 5 replicas/,
  );
  const fixed = await kubectl.try(['patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"image":"other"}}']);
  t.regex(fixed.stderr, /spec: Forbidden: image is fixed/);
});

test.serial('patches, server-side apply, scale and status work as on built-in kinds', async (t) => {
  await kubectl.run('patch', 'ct', 'one', '--type=merge', '-p', '{"spec":{"policy":"Allow"}}');
  await kubectl.run(
    'patch',
    'ct',
    'one',
    '--type=json',
    '-p',
    '[{"op":"add","path":"/spec/ports","value":[{"name":"a","port":1}]}]',
  );
  const strategic = await kubectl.try(['patch', 'ct', 'one', '--type=strategic', '-p', '{"spec":{"policy":"Forbid"}}']);
  t.regex(strategic.stderr, /strategic merge patch is not supported|unknown format - accepted media types/);
  const ports = '{ cronSpec: "* * * * */5", ports: [{ name: b, port: 2 }] }';
  await kubectl.feed(
    cronTab('one', ports),
    'apply',
    '--server-side',
    '--force-conflicts',
    '--field-manager=me',
    '-f',
    '-',
  );
  t.is(await other.run('get', 'ct', 'one', '-o', 'jsonpath={.spec.ports[*].name}'), 'a b');
  t.is(await kubectl.run('scale', 'ct', 'one', '--replicas=3'), 'crontab.stable.example.com/one scaled\n');
  t.is(await other.run('get', 'ct', 'one', '-o', 'jsonpath={.spec.replicas} {.metadata.generation}'), '3 5');
  const status =
    '{"status":{"replicas":3,"selector":"a=b","conditions":[{"type":"Ready","status":"True"}]},"spec":{"replicas":4}}';
  await kubectl.run('patch', 'ct', 'one', '--subresource=status', '--type=merge', '-p', status);
  t.is(
    await other.run('get', 'ct', 'one', '-o', 'jsonpath={.spec.replicas} {.status.replicas} {.metadata.generation}'),
    '3 3 5',
  );
  t.regex(await kubectl.run('get', 'ct', 'one', '-o', 'wide'), /READY.*\n.*True/);
  const scale = JSON.parse(
    await kubectl.run('get', '--raw', '/apis/stable.example.com/v1/namespaces/default/crontabs/one/scale'),
  );
  t.deepEqual(scale.status, { replicas: 3, selector: 'a=b' });
});

test.serial('explain tells what the schema says', async (t) => {
  t.regex(
    await other.run('explain', 'ct'),
    /KIND:\s+CronTab[\s\S]*A job that runs now and then[\s\S]*metadata\s+<ObjectMeta>/,
  );
  t.regex(await other.run('explain', 'crontab.spec.cronSpec'), /FIELD: cronSpec <string>[\s\S]*When it runs/);
  t.regex(await kubectl.run('explain', 'ct', '--recursive'), /replicas\s+<integer>/);
});

test.serial('the objects of a deleted definition go first, and then its kind is gone everywhere', async (t) => {
  await kubectl.run('patch', 'ct', 'two', '--type=merge', '-p', '{"metadata":{"finalizers":["example.com/wait"]}}');
  await kubectl.run('delete', 'crd', 'crontabs.stable.example.com', '--wait=false');
  await other.run('wait', '--for=delete', 'ct/one', '--timeout=20s');
  const late = await kubectl.try(['create', '-f', '-'], cronTab('late', '{ cronSpec: "* * * * *" }'));
  t.regex(late.stderr, /create not allowed while custom resource definition is terminating/);
  await kubectl.run('patch', 'ct', 'two', '--type=merge', '-p', '{"metadata":{"finalizers":null}}');
  await other.run('wait', '--for=delete', 'crd/crontabs.stable.example.com', '--timeout=20s');
  t.regex(
    (await other.try(['get', '--raw', '/apis/stable.example.com/v1/crontabs'])).stderr,
    /not found|could not find/,
  );
  t.notRegex(await other.run('api-versions'), /stable\.example\.com/);
});

test.serial('a definition that cannot be served is refused; one whose names are taken waits for them', async (t) => {
  const broken = cronTabs.replace('storage: true', 'storage: false').replace('self.minReplicas <=', 'self.nope <=');
  const { stderr } = await kubectl.try(['create', '-f', '-'], broken);
  t.regex(stderr, /spec\.versions: Invalid value: .*must have exactly one version marked as storage version/);
  t.regex(
    stderr,
    /x-kubernetes-validations\[0\]\.rule: Invalid value: .*compilation failed: ERROR: <input>:1:5: undefined field 'nope'/,
  );
  const unstructured = cronTabs.replace('cronSpec: { type: string,', 'cronSpec: {');
  t.regex(
    (await kubectl.try(['create', '-f', '-'], unstructured)).stderr,
    /properties\[cronSpec\]\.type: Required value: must not be empty for specified object fields/,
  );
  await kubectl.feed(cronTabs, 'create', '-f', '-');
  await kubectl.run('wait', '--for=condition=Established', '--timeout=20s', 'crd/crontabs.stable.example.com');
  const second = cronTabs.replaceAll('crontabs', 'crontabsies').replace('singular: crontab', 'singular: cts');
  await kubectl.feed(second, 'create', '-f', '-');
  const name = 'crd/crontabsies.stable.example.com';
  await kubectl.run('wait', '--for=condition=NamesAccepted=False', '--timeout=20s', name);
  t.is(await kubectl.run('get', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Established")].status}'), 'False');
  await kubectl.run('delete', 'crd', 'crontabs.stable.example.com');
  await kubectl.run('wait', '--for=condition=Established', '--timeout=20s', name);
  await kubectl.run('delete', name);
});
