/**
 * Whatever a client sends over the wire, it gets a Status that says what it did wrong, and the server lives on: properties that
 * hold for thousands of random inputs. A failure prints its seed and the smallest input that it could find.
 */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type Answer, ApiClient } from '../../support/api-client.ts';
import { startApiServers, type TestApiServers } from '../../support/apiserver.ts';
import { inParallel } from '../../support/in-parallel.ts';
import { examples, type Json } from './examples.ts';

let api: TestApiServers;
let client: ApiClient;
const seed = Number(process.env.TEST_SEED ?? 20_260_101);

test.before(async () => {
  api = await startApiServers();
  client = new ApiClient(api.first.kubeconfig);
  await client.send('POST', '/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

test.after.always(async () => {
  await client?.close();
  await api?.stop();
});

test.afterEach(async (t) => {
  t.is((await api.first.ask('/readyz')).text, 'ok');
});

const configMaps = '/api/v1/namespaces/default/configmaps';
const dryRun = 'dryRun=All';
/** Requests that one run of a property makes side by side. */
const width = 8;

const reasons: Readonly<Record<number, readonly string[]>> = {
  400: ['BadRequest'],
  403: ['Forbidden'],
  404: ['NotFound'],
  409: ['AlreadyExists', 'Conflict'],
  413: ['RequestEntityTooLarge'],
  415: ['UnsupportedMediaType'],
  422: ['Invalid'],
};

/** What is wrong with the answer; undefined for a success and for a Status as it should be. */
function fault({ status, text }: Answer, withoutCauses = false): string | undefined {
  if (status < 300) return undefined;
  const said = `${status} ${text.slice(0, 500)}`;
  const answer = JSON.parse(text);
  if (answer.kind !== 'Status' || answer.status !== 'Failure' || answer.code !== status) return `no Status: ${said}`;
  if (!reasons[status]?.includes(answer.reason)) return `code and reason do not fit: ${said}`;
  if (typeof answer.message !== 'string' || answer.message === '') return `no message: ${said}`;
  if (status !== 422 || withoutCauses) return undefined;
  const causes: { reason?: string; field?: string; message?: string }[] = answer.details?.causes ?? [];
  if (causes.length === 0) return `no causes: ${said}`;
  return causes.every(({ reason, field, message }) => reason && field && message)
    ? undefined
    : `a cause lacks: ${said}`;
}

/** Holds a property of batches of inputs: each is sent, and its answer judged. */
async function holds<T>(
  t: ExecutionContext,
  inputs: fc.Arbitrary<T>,
  runs: number,
  check: (input: T) => Promise<string | undefined>,
): Promise<void> {
  const scale = Number(process.env.TEST_SCALE ?? 1);
  const property = fc.asyncProperty(fc.array(inputs, { minLength: width, maxLength: width }), async (batch) => {
    const faults: string[] = [];
    await inParallel(batch, width, async (input) => {
      const wrong = await check(input);
      if (wrong !== undefined) faults.push(`${wrong}\nfor ${JSON.stringify(input).slice(0, 3_000)}`);
    });
    if (faults.length > 0) throw new Error(faults[0]);
  });
  const outcome = await fc.check(property, { seed, numRuns: runs * scale, endOnFailure: true });
  if (outcome.failed) t.fail(`seed ${seed}: ${outcome.errorInstance}`);
  else t.pass();
}

const junk: fc.Arbitrary<Json> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom<Json>(null, true, 0, -1, 1.5, 1e300, '', 'x', 'A b', '..', [], [null], {}, [{}]),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 10 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value))) },
);
const change = fc.record({ at: fc.nat(), how: fc.constantFrom('put', 'delete', 'add'), value: junk });
const mutation = fc.record({
  kind: fc.constantFrom(...Object.keys(examples)),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
});
type Mutation = typeof mutation extends fc.Arbitrary<infer Value> ? Value : never;

/** The example of a kind with something put where it does not belong. */
function mutated(kind: string, changes: Mutation['changes'], name = 'mutated'): Json {
  return changed({ metadata: { name, labels: { a: 'b' } }, ...examples[kind]?.object }, changes);
}

function changed(whole: Json, changes: Mutation['changes']): Json {
  const copy = structuredClone(whole);
  for (const { at, how, value } of changes) {
    const places = placesOf(copy);
    const place = places[at % places.length];
    if (!place) continue;
    const [container, key] = place;
    if (how === 'add' && !Array.isArray(container)) container[`added-${key}`] = structuredClone(value);
    else if (Array.isArray(container)) container.splice(Number(key), 1, ...(how === 'delete' ? [] : [value]));
    else if (how === 'delete') delete container[key];
    else container[key] = structuredClone(value);
  }
  return copy;
}

function placesOf(value: Json): [container: Json[] | { [key: string]: Json }, key: string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(
    ([key, inner]): ReturnType<typeof placesOf> => [[value, key], ...placesOf(inner)],
  );
}

test('every example is valid as it is', async (t) => {
  for (const kind of Object.keys(examples)) {
    const path = `${examples[kind]?.path}?${dryRun}&fieldValidation=Strict`;
    const { status, text } = await client.send('POST', path, mutated(kind, []));
    t.is(status, 201, `${kind}: ${text}`);
  }
});

test('a valid object with anything changed in it is taken, or refused with the fields that are wrong', async (t) => {
  const validation = fc.constantFrom('Strict', 'Warn', 'Ignore');
  await holds(t, fc.tuple(mutation, validation), 220, async ([{ kind, changes }, fieldValidation]) => {
    const path = `${examples[kind]?.path}?${dryRun}&fieldValidation=${fieldValidation}`;
    return fault(await client.send('POST', path, mutated(kind, changes)));
  });
});

test('a patch of whatever kind is taken, or refused with what is wrong', async (t) => {
  const types = ['merge-patch', 'strategic-merge-patch', 'json-patch'].map((type) => `application/${type}+json`);
  const patched = Object.keys(examples).filter((kind) => kind !== 'CustomResourceDefinition');
  for (const kind of patched) await client.json('POST', examples[kind]?.path ?? '', mutated(kind, [], 'patched'));
  const patch = fc.record({
    kind: fc.constantFrom(...patched),
    changes: fc.array(change, { minLength: 1, maxLength: 2 }),
    type: fc.constantFrom(...types, 'application/apply-patch+yaml'),
    path: fc.constantFrom(
      '/spec',
      '/data',
      '/metadata',
      '/metadata/labels/a',
      '',
      '/',
      'x',
      '/spec/containers/0/image',
    ),
    op: fc.constantFrom('add', 'replace', 'remove', 'test', 'move', 'copy', 'nonsense'),
  });
  await holds(t, patch, 120, async ({ kind, changes, type, path, op }) => {
    const object = mutated(kind, changes, 'patched');
    const body = type.includes('json-patch') ? [{ op, path, from: path, value: object }] : object;
    const at = `${examples[kind]?.path}/patched?${dryRun}&fieldManager=test`;
    const answer = await client.send('PATCH', at, JSON.stringify(body), type);
    // A patch that cannot be carried out says why, but there is no object whose field it could name; in Kubernetes neither.
    return fault(answer, answer.text.includes('"details":{}'));
  });
});

test('an update, a deletion or an action with anything in its body is taken, or refused with what is wrong', async (t) => {
  const pods = examples.Pod?.path ?? '';
  const accounts = pods.replace('pods', 'serviceaccounts');
  await client.json('POST', pods, mutated('Pod', [], 'acted'));
  const deletion: Json = {
    ...{ gracePeriodSeconds: 5, propagationPolicy: 'Background', orphanDependents: false, dryRun: ['All'] },
    preconditions: { uid: 'a', resourceVersion: '1' },
  };
  const bodies: Readonly<Record<string, Json>> = {
    [`PUT ${pods}/acted`]: mutated('Pod', [], 'acted'),
    [`PUT ${pods}/acted/status`]: {
      ...(examples.Pod?.object ?? {}),
      status: { phase: 'Running', podIPs: [{ ip: '1.2.3.4' }] },
    },
    [`DELETE ${pods}/acted`]: deletion,
    [`DELETE ${pods}`]: deletion,
    [`POST ${pods}/acted/eviction`]: { metadata: { name: 'acted' }, deleteOptions: deletion },
    [`POST ${pods}/acted/binding`]: { target: { kind: 'Node', name: 'n' }, metadata: { labels: { a: 'b' } } },
    [`POST ${accounts}/default/token`]: {
      spec: {
        audiences: ['a'],
        expirationSeconds: 600,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'acted' },
      },
    },
    'POST /apis/authorization.k8s.io/v1/subjectaccessreviews': {
      spec: { user: 'u', groups: ['g'], resourceAttributes: { verb: 'get', resource: 'pods' }, extra: { a: ['b'] } },
    },
    'POST /apis/authentication.k8s.io/v1/tokenreviews': { spec: { token: 'x', audiences: ['a'] } },
  };
  const request = fc.record({
    what: fc.constantFrom(...Object.keys(bodies)),
    changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  });
  await holds(t, request, 120, async ({ what, changes }) => {
    const [method, path] = what.split(' ') as ['PUT' | 'POST' | 'DELETE', string];
    return fault(await client.send(method, `${path}?${dryRun}`, changed(bodies[what] ?? null, changes)));
  });
});

test('a body that is no object at all is refused, whatever type it says it is', async (t) => {
  const text = JSON.stringify({ kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'a' }, data: { a: 'b' } });
  const body = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.json({ maxDepth: 4 }),
    fc.nat(text.length).map((length) => text.slice(0, length)),
    fc
      .tuple(fc.nat(text.length), fc.string({ maxLength: 3 }))
      .map(([at, more]) => text.slice(0, at) + more + text.slice(at)),
    fc.constantFrom(
      'a: &a [*a]',
      'a: {b: *b}',
      '? [a]: b',
      '--- a\n--- b',
      '!!js/function x',
      '\u0000',
      '[[[[[[',
      `{"a":${'['.repeat(5_000)}`,
    ),
  );
  const type = fc.constantFrom(
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'text/plain',
    'x',
  );
  await holds(t, fc.tuple(body, type), 120, async ([content, contentType]) =>
    fault(await client.send('POST', `${configMaps}?${dryRun}`, content, contentType)),
  );
});

test('names and labels are taken exactly where they are in rule', async (t) => {
  const text = fc.oneof(
    fc.stringMatching(/^[a-z0-9.-]{1,20}$/),
    fc.stringMatching(/^[A-Za-z0-9_./-]{1,20}$/),
    fc.string({ maxLength: 10 }),
    fc.integer({ min: 60, max: 66 }).map((length) => 'a'.repeat(length)),
    fc.integer({ min: 250, max: 256 }).map((length) => 'a'.repeat(length)),
  );
  const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
  const word = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
  const isSubdomain = (name: string): boolean => name.length <= 253 && subdomain.test(name);
  const isKey = (key: string): boolean => {
    const [name = '', prefix, ...more] = key.split('/').toReversed();
    return more.length === 0 && name.length <= 63 && word.test(name) && (prefix === undefined || isSubdomain(prefix));
  };
  const isValue = (value: string): boolean => value === '' || (value.length <= 63 && word.test(value));
  const record = fc.record({
    name: text,
    key: text,
    value: text,
    what: fc.constantFrom('name', 'label', 'annotation'),
  });
  await holds(t, record, 120, async ({ name, key, value, what }) => {
    const metadata =
      what === 'name'
        ? { name }
        : what === 'label'
          ? { name: 'x', labels: { [key]: value } }
          : { name: 'x', annotations: { [key]: value } };
    const fine =
      what === 'name' ? isSubdomain(name) : what === 'label' ? isKey(key) && isValue(value) : isKey(key.toLowerCase());
    const answer = await client.send('POST', `${configMaps}?${dryRun}`, { metadata });
    const wrong = fault(answer);
    if (wrong !== undefined) return wrong;
    if (answer.status !== (fine ? 201 : 422) && !(what === 'name' && name === ''))
      return `${answer.status}, and is ${fine}`;
    const field = { name: 'metadata.name', label: 'metadata.labels', annotation: 'metadata.annotations' }[what];
    const causes: { field: string }[] = answer.status === 422 ? JSON.parse(answer.text).details.causes : [];
    return causes.every((cause) => cause.field === field) ? undefined : `another field than ${field}: ${answer.text}`;
  });
});

test('parameters of a query are understood, or refused', async (t) => {
  const names = [
    'limit',
    'continue',
    'resourceVersion',
    'resourceVersionMatch',
    'labelSelector',
    'fieldSelector',
    'timeoutSeconds',
  ];
  const value = fc.oneof(
    fc.constantFrom(
      '0',
      '-1',
      '1',
      '5',
      '99999999999999999999',
      'a=b',
      'a in (b,c)',
      '!a',
      'metadata.name=a',
      'Exact',
      'NotOlderThan',
    ),
    fc.string({ maxLength: 12 }),
    fc.base64String({ maxLength: 40 }),
  );
  const path = fc.constantFrom(configMaps, '/api/v1/pods', '/apis/apps/v1/deployments', '/api/v1/nodes');
  const query = fc.array(fc.tuple(fc.constantFrom(...names), value), { minLength: 1, maxLength: 3 });
  await holds(t, fc.tuple(path, query), 100, async ([at, parameters]) => {
    const answer = await client.send('GET', `${at}?${new URLSearchParams(parameters)}`);
    // A revision that is yet to come, or is forgotten.
    if (answer.status === 504 || answer.status === 410) return undefined;
    return fault(answer);
  });
});
