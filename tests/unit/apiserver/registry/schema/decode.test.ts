import test from 'ava';
import { decode } from '../../../../../master/apiserver/registry/schema/decode.ts';
import { shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';

const shape = (kind: string) => shapeOf({ group: '', version: 'v1', kind });
const wrong = (kind: string, value: unknown): string | undefined => decode(shape(kind), value).wrong;
const inPod = (spec: unknown): string | undefined => wrong('Pod', { spec });

test('a value of the wrong type is named as Go’s decoder names it', (t) => {
  const into = (what: string): string => `json: cannot unmarshal ${what}`;
  t.is(inPod('x'), into('string into Go struct field Pod.spec of type v1.PodSpec'));
  t.is(inPod({ containers: 'x' }), into('string into Go struct field PodSpec.spec.containers of type []v1.Container'));
  t.is(
    inPod({ containers: [{ image: 7 }] }),
    into('number into Go struct field Container.spec.containers.image of type string'),
  );
  t.is(
    inPod({ containers: [{ env: [{ name: 'A', value: true }] }] }),
    into('bool into Go struct field EnvVar.spec.containers.env.value of type string'),
  );
  t.is(wrong('ConfigMap', { data: { a: true } }), into('bool into Go struct field ConfigMap.data of type string'));
  t.is(
    wrong('Pod', { metadata: { labels: [] } }),
    into('array into Go struct field ObjectMeta.metadata.labels of type map[string]string'),
  );
  t.is(wrong('Pod', []), into('array into Go value of type v1.Pod'));
});

test('whole numbers must be whole and fit', (t) => {
  const seconds = (value: number) => inPod({ terminationGracePeriodSeconds: value });
  t.regex(seconds(1.5) ?? '', /number 1.5 into Go struct field PodSpec.* of type int64/);
  t.is(seconds(5_000_000_000), undefined);
  t.regex(
    wrong('ReplicationController', { spec: { replicas: 5_000_000_000 } }) ?? '',
    /number 5000000000 .* of type int32/,
  );
});

test('times, quantities and numbers that may be names are read as what they are', (t) => {
  const created = (creationTimestamp: unknown) => wrong('Pod', { metadata: { creationTimestamp } });
  for (const time of ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.678+01:00', null]) t.is(created(time), undefined);
  t.regex(created('yesterday') ?? '', /^parsing time "yesterday" as "2006-01-02T15:04:05Z07:00"/);
  const limits = (cpu: unknown) => inPod({ containers: [{ resources: { limits: { cpu } } }] });
  t.is(limits('100m'), undefined);
  t.regex(limits('much') ?? '', /^quantities must match the regular expression/);
  const target = (targetPort: unknown) => wrong('Service', { spec: { ports: [{ targetPort }] } });
  for (const port of ['http', 80]) t.is(target(port), undefined);
  t.regex(target(true) ?? '', /of type intstr.IntOrString/);
});

test('nulls are dropped and numbers become quantities', (t) => {
  const pod = {
    metadata: { creationTimestamp: null, name: 'a' },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: 2 } }, ports: null }], nodeSelector: null },
  };
  t.deepEqual(decode(shape('Pod'), pod).unknown, []);
  t.deepEqual(pod as unknown, {
    metadata: { name: 'a' },
    spec: { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }] },
  });
  const configMap = { data: { a: null } };
  decode(shape('ConfigMap'), configMap);
  t.deepEqual(configMap as unknown, { data: { a: '' } });
});

test('fields that the type does not have are dropped and told of', (t) => {
  const pod = JSON.parse(
    '{"metadata":{"name":"a","labels":{"any":"x"}},"spec":{"containers":[{"name":"c"},{"name":"d","imag":{"x":1}}],"Containers":[]},"__proto__":1,"extra":null}',
  );
  t.deepEqual(decode(shape('Pod'), pod).unknown, ['spec.containers[1].imag', 'spec.Containers', '__proto__', 'extra']);
  t.deepEqual(pod, {
    metadata: { name: 'a', labels: { any: 'x' } },
    spec: { containers: [{ name: 'c' }, { name: 'd' }] },
  });
});

test('at most a hundred unknown fields are told of', (t) => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f${index}`, 1]));
  t.is(decode(shape('ConfigMap'), many).unknown.length, 100);
  t.deepEqual(many, {});
});

test('what is empty in metadata is left out, wherever the metadata is', (t) => {
  const metadata = () => ({ name: 'a', labels: {}, annotations: {}, finalizers: [], ownerReferences: [] });
  const object = { metadata: metadata(), spec: { selector: {}, template: { metadata: metadata() } } };
  t.is(wrong('ReplicationController', object), undefined);
  t.deepEqual(object as unknown, {
    metadata: { name: 'a' },
    spec: { selector: {}, template: { metadata: { name: 'a' } } },
  });
});
