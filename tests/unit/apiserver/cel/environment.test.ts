import test from 'ava';
import {
  Budget,
  CelEnvironment,
  type CelType,
  evaluateOnce,
  toJson,
} from '../../../../master/apiserver/cel/environment.ts';

const spec: CelType = {
  kind: 'object',
  name: 'Object.spec',
  fields: {
    replicas: 'int',
    ratio: 'double',
    name: 'string',
    tags: { kind: 'list', element: 'string' },
    ports: {
      kind: 'list',
      element: { kind: 'object', name: 'Object.spec.ports', fields: { name: 'string', port: 'int' } },
    },
    limits: { kind: 'map', value: 'string' },
    since: 'timestamp',
    timeout: 'duration',
    free: 'dyn',
  },
};
const self: CelType = { kind: 'object', name: 'Object', fields: { spec } };
const environment = new CelEnvironment({ self });

function evaluate(expression: string, spec: Record<string, unknown> = {}): unknown {
  const compiled = environment.compile(expression);
  if (!compiled.ok) return compiled.message;
  const result = compiled.program.evaluate(environment.bind({ self: { spec } }));
  return result.ok ? toJson(result.value) : result.message;
}

test('rules read the fields of an object under their declared types', (t) => {
  const value = {
    replicas: 3,
    ratio: 1,
    name: 'web',
    tags: ['a', 'b'],
    ports: [{ name: 'http', port: 80 }],
    limits: { constructor: '1' },
    since: '2026-01-02T03:04:05Z',
    timeout: '1h30m',
    free: { a: [1, 2.5] },
  };
  for (const expression of [
    'self.spec.replicas <= 3 && self.spec.replicas % 2 == 1',
    'self.spec.ratio == 1.0',
    'self.spec.tags.all(t, t in ["a", "b"]) && self.spec.tags.exists_one(t, t == "a")',
    'self.spec.ports.filter(p, p.port < 1024).map(p, p.name) == ["http"]',
    'self.spec.ports[0] == self.spec.ports[0] && self.spec.ports == self.spec.ports',
    '"constructor" in self.spec.limits && !("toString" in self.spec.limits)',
    'self.spec.limits.all(k, self.spec.limits[k] == "1")',
    'self.spec.since < timestamp("2026-01-03T00:00:00Z") && self.spec.since.getFullYear() == 2026',
    'self.spec.timeout == duration("90m")',
    'self.spec.free.a[0] == 1 && self.spec.free.a[1] == 2.5',
    'has(self.spec.name) && !has(self.spec.free.b) && has(self.spec.ports[0].name)',
    'self.spec.ports[0] != null',
    'self.spec.?name.orValue("x") == "web"',
    'size(self.spec.tags) == 2 ? true : false',
  ]) {
    t.is(evaluate(expression, value), true, expression);
  }
  t.is(evaluate('has(self.spec.name) || self.spec.?name.hasValue()'), false);
});

test('what cannot be right is an error when the expression is compiled, and names the place', (t) => {
  t.is(
    evaluate('self.spec.nope > 1'),
    "ERROR: <input>:1:10: undefined field 'nope'\n | self.spec.nope > 1\n | .........^",
  );
  t.regex(String(evaluate('other == 1')), /^ERROR: <input>:1:1: undeclared reference to 'other' \(in container ''\)/);
  t.regex(
    String(evaluate('self.spec.replicas > "a"')),
    /found no matching overload for '_>_' applied to '\(int, string\)'/,
  );
  t.regex(String(evaluate('self.spec.ports.all(p, p.nope)')), /undefined field 'nope'/);
  t.regex(String(evaluate('has(self.spec.nope)')), /undefined field 'nope'/);
  t.regex(String(evaluate('1 +')), /^ERROR: <input>:1:4: Syntax error/);
  t.regex(String(evaluate('self.spec.name.foo()')), /found no matching overload for 'string.foo'/);
  const compiled = environment.compile('self.spec.replicas + 1');
  t.is(compiled.ok && compiled.program.type, 'int');
});

test('what goes wrong in an evaluation is an error, not an exception', (t) => {
  t.is(evaluate('self.spec.name == "a"'), 'no such key: name');
  t.is(evaluate('1 / 0 == 1'), 'division by zero');
  t.is(evaluate('self.spec.free.a == 1', { free: {} }), 'no such key: a');
  t.is(evaluate('self.spec.name.startsWith("a") || true', {}), true);
  t.regex(String(evaluate('"a".matches("(")')), /missing closing/);
});

test('an evaluation ends within its bounds, even if errors are swallowed', (t) => {
  const tags = Array.from({ length: 1000 }, (_, index) => `t${index}`);
  const nested = 'self.spec.tags.all(a, self.spec.tags.all(b, self.spec.tags.all(c, a + b != c)))';
  t.is(evaluate(nested, { tags }), 'operation cancelled: actual cost limit exceeded');
  t.is(evaluate(`${nested} || true`, { tags }), 'operation cancelled: actual cost limit exceeded');
  const doubling = `[[1, 2, 3, 4, 5, 6, 7, 8]]${'.map(x, x + x)'.repeat(40)}`;
  t.is(evaluate(doubling), 'operation cancelled: actual cost limit exceeded');
  t.is(evaluate('"a".matches("(a+)+$")'), true);
  t.is(evaluate('self.spec.name.matches("^(a+)+$")', { name: `${'a'.repeat(5000)}b` }), false);
  t.is(evaluate('self.spec.tags.all(a, size(a) > 0)', { tags }), true);
});

test('the functions of Kubernetes are there', (t) => {
  const cases: Record<string, unknown> = {
    '[1, 2, 2].isSorted()': true,
    '["b", "a"].isSorted()': false,
    '[1, 2, 3].sum()': 6,
    '[1.5, 2.0].sum()': 3.5,
    '[3, 1, 2].min()': 1,
    '["a", "c", "b"].max()': 'c',
    '[1, 2, 1].indexOf(1)': 0,
    '[1, 2, 1].lastIndexOf(1)': 2,
    'sets.contains([1, 2], [2])': true,
    'sets.equivalent([1, 2], [2, 1, 1])': true,
    'sets.intersects([1], [2])': false,
    '"abc 123".find("[0-9]+")': '123',
    '"1 22 333".findAll("[0-9]+", 2)': ['1', '22'],
    '"ABC-Ä".lowerAscii()': 'abc-Ä',
    '"a-b-c".replace("-", "$&", 1)': 'a$&b-c',
    '"héllo".charAt(1)': 'é',
    'strings.quote("a\\n\\"b\\"")': '"a\\n\\"b\\""',
    '[3, 1, 2].sort()': [1, 2, 3],
    '[{"a": 2}, {"a": 1}].sortBy(x, x.a).map(x, x.a)': [1, 2],
    '[1, 2, 3].slice(1, 3) + [1, 1].distinct() + [1, 2].reverse()': [2, 3, 1, 2, 1],
    '[[1], [2, 3]].flatten() == [1, 2, 3] && [[1, [2]]].flatten(2) == [1, 2]': true,
    'lists.range(3)': [0, 1, 2],
    '[1, 2].first().value() + [1, 2].last().orValue(9)': 3,
    '[].first().hasValue()': false,
    'optional.of(1).optMap(x, x + 1).value() + optional.of(1).optFlatMap(x, optional.none()).orValue(5)': 7,
    '[1, 2].all(i, v, v == i + 1) && {"a": 1}.exists(k, v, k == "a" && v == 1)': true,
    '[1, 2].all(i, v, v > 0 || 1 / 0 > 0)': true,
    '[1, 2, 1].existsOne(i, v, v == 1)': false,
    '{"a": 1}.existsOne(k, k == "a")': true,
    '[1, 2, 3].transformList(i, v, i > 0, v * 2)': [4, 6],
    '{"a": 1}.transformMap(k, v, v + 1)': { a: 2 },
    '{"a": "x"}.transformMapEntry(k, v, {v: k})': { x: 'a' },
    '"%s has %d of %.2f, %x".format(["a", 3, 1.5, 255])': 'a has 3 of 1.50, ff',
    '"%s".format([[1, "b"]])': '[1, b]',
    'isURL("https://example.com:8080/a%20b?x=1&x=2")': true,
    'isURL("../relative")': false,
    'url("https://example.com:8080/a%20b").getHost()': 'example.com:8080',
    'url("https://[::1]:80/").getHostname()': '::1',
    'url("/path?x=1&x=2").getQuery()["x"]': ['1', '2'],
    'url("https://example.com").getEscapedPath()': '',
    'ip("10.0.0.1").isLoopback() || ip("::1").isLoopback()': true,
    'isIP("1.2.3.256") || isIP("fe80::1%eth0")': false,
    'ip.isCanonical("2001:DB8::1")': false,
    'string(ip("2001:DB8:0::1"))': '2001:db8::1',
    'cidr("10.0.0.0/8").containsIP("10.9.8.7") && cidr("10.0.0.0/8").containsCIDR(cidr("10.1.0.0/16"))': true,
    'string(cidr("10.1.2.3/8").masked())': '10.0.0.0/8',
    'quantity("1.5Gi").asInteger()': 1_610_612_736,
    'quantity("100m").add(quantity("0.9")) == quantity("1")': true,
    'quantity("1k").isLessThan(quantity("1Ki"))': true,
    'isQuantity("20Mo") || isQuantity("")': false,
    'quantity("-1").sign()': -1,
    'semver("1.2.3-rc.1").isLessThan(semver("1.2.3"))': true,
    'isSemver("v1.2")': false,
    'semver("v1.2", true).minor()': 2,
    'format.dns1123Label().validate("Bad").hasValue()': true,
    'format.named("dns1123Label").value().validate("good").hasValue()': false,
    'string(timestamp("2026-01-01T00:00:00Z"))': '2026-01-01T00:00:00Z',
  };
  for (const [expression, expected] of Object.entries(cases)) t.deepEqual(evaluate(expression), expected, expression);
});

test('undeclared shapes are read as unstructured JSON', (t) => {
  const variables = { object: 'dyn', request: 'dyn' } as const;
  const object = { spec: { replicas: 2, list: [{ name: 'a' }] } };
  t.deepEqual(evaluateOnce('object.spec.replicas + size(object.spec.list)', variables, { object }), {
    ok: true,
    value: 3,
  });
  t.deepEqual(evaluateOnce('request == null', variables, { object }), { ok: true, value: true });
  t.false(evaluateOnce('object.spec.list.all(x, x.name > 1)', variables, { object }).ok);
});

test('what a macro does again and again is cut off, whatever hides in it', (t) => {
  const tags = Array.from({ length: 3_000 }, (_, index) => `tag-${index}`);
  const free = { text: 'ab'.repeat(100_000), same: [...tags] };
  for (const loop of [
    't in self.spec.tags',
    'self.spec.tags == self.spec.free.same',
    'self.spec.free.text.split("a").size() > 1',
    'self.spec.free.text.matches("(a|b)*c(d|e)*") == false',
    'self.spec.free.text.replace("a", "b") != ""',
    'self.spec.tags.join(self.spec.free.text) != ""',
    'sets.contains(self.spec.tags, [t])',
    '"%s".format([self.spec.free.text]) != ""',
  ]) {
    const expression = `self.spec.tags.all(t, ${loop})`;
    t.is(evaluate(expression, { tags, free }), 'operation cancelled: actual cost limit exceeded', expression);
  }
  t.is(evaluate('(self.spec.tags + self.spec.tags).map(t, t + "x").join(",").size() > 0', { tags }), true);
});

test('evaluations that share a budget end with it', (t) => {
  const budget = new Budget(50_000);
  const compiled = environment.compile('self.spec.tags.all(t, t != "")');
  const bindings = environment.bind({ self: { spec: { tags: Array.from({ length: 1_000 }, () => 'a') } } });
  if (!compiled.ok) return t.fail(compiled.message);
  let evaluations = 0;
  for (; !budget.isSpent; evaluations++) t.true(compiled.program.evaluate(bindings, budget).ok);
  t.true(evaluations > 20 && evaluations < 50, String(evaluations));
});
