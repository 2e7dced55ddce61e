import test from 'ava';
import { compileRules, forbidCostlyRules } from '../../../../../master/apiserver/registry/custom/rules.ts';
import { readSchema } from '../../../../../master/apiserver/registry/custom/schema.ts';

/** What is said of a schema whose field `foo` looks like this. */
function refusals(foo: object): string[] {
  const rules = compileRules(readSchema({ type: 'object', properties: { foo } }));
  const said: string[] = [];
  if (rules) forbidCostlyRules(rules, (place, why) => said.push(`${place}: ${why}`));
  return said;
}

const rule = (text: string) => ({ 'x-kubernetes-validations': [{ rule: text }] });
const texts = (more: object, items: object = {}) => ({ type: 'array', items: { type: 'string', ...items }, ...more });
const place = 'properties[foo].x-kubernetes-validations[0].rule';
const advice =
  '(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)';

test('a rule over a list without an end is refused, and one over a list with an end is not', (t) => {
  const contains = rule("self.all(x, x.contains('a string'))");
  t.deepEqual(refusals(texts(contains)).slice(0, 1), [
    `${place}: estimated rule cost exceeds budget by factor of more than 100x ${advice}`,
  ]);
  t.deepEqual(refusals(texts({ ...contains, maxItems: 25 }, { maxLength: 10 })), []);
  const nested = rule('self.all(x, self.exists_one(y, y == x))');
  t.regex(refusals(texts(nested))[0] ?? '', /estimated rule cost exceeds budget by factor of more than 100x/);
  t.regex(refusals(texts({ ...nested, maxItems: 3_000 }, { maxLength: 2 }))[0] ?? '', /by factor of [\d.]+x/);
  t.deepEqual(refusals(texts({ ...nested, maxItems: 100 }, { maxLength: 63 })), []);
});

test('a rule counts as often as its place may be there', (t) => {
  const item = { type: 'object', properties: { name: { type: 'string' } }, ...rule("self.name.contains('much')") };
  t.regex(
    refusals({ type: 'array', items: item })[0] ?? '',
    /^properties\[foo\]\.items\.x-kubernetes-validations\[0\]/,
  );
  const bounded = { ...item, properties: { name: { type: 'string', maxLength: 100 } } };
  t.deepEqual(refusals({ type: 'array', maxItems: 100, items: bounded }), []);
  const map = { type: 'object', additionalProperties: bounded };
  t.deepEqual(refusals({ ...map, maxProperties: 10 }), []);
});

test('a message counts once, and must have an end as its rule must', (t) => {
  const said = (messageExpression: string) => [{ rule: 'self.n > 0', messageExpression }];
  const counted = (messageExpression: string) =>
    refusals({
      type: 'array',
      items: {
        type: 'object',
        properties: { n: { type: 'integer' }, a: { type: 'string', maxLength: 500 } },
        'x-kubernetes-validations': said(messageExpression),
      },
    });
  t.deepEqual(counted("self.a + ' has too little'"), []);
  t.regex(
    counted("'too small: ' + string(self.n)")[0] ?? '',
    /\.messageExpression: estimated messageExpression cost exceeds budget by factor of more than 100x/,
  );
});

test('rules that are cheap by themselves may cost too much together', (t) => {
  const eight = {
    'x-kubernetes-validations': Array.from({ length: 15 }, () => ({ rule: 'self.all(x, self.all(y, y != x))' })),
  };
  const said = refusals(texts({ ...eight, maxItems: 1_200 }, { maxLength: 2 }));
  t.is(said.length, 16);
  t.regex(
    said[0] ?? '',
    /contributed to estimated rule & messageExpression cost total exceeding cost limit for entire/,
  );
  t.regex(
    said.at(-1) ?? '',
    /^: x-kubernetes-validations estimated rule & messageExpression cost total for entire OpenAPIv3 schema exceeds budget by factor of/,
  );
});

test('what is common costs little: names, numbers and oldSelf', (t) => {
  for (const text of [
    'self == oldSelf',
    "self.a.matches('^[a-z]+$')",
    'has(self.n) && self.n > 0 && self.n < 10',
    'self.tags.size() < 10 && !self.tags.exists(t, t == self.a)',
  ]) {
    const properties = {
      a: { type: 'string', maxLength: 253 },
      n: { type: 'integer' },
      tags: { ...texts({ maxItems: 64 }, { maxLength: 63 }) },
    };
    t.deepEqual(refusals({ type: 'object', properties, ...rule(text) }), [], text);
  }
});

test('what functions make counts for what is done with it, and macros cost what they expand to', (t) => {
  const text = (rule: string, maxLength: number) => refusals({ type: 'string', maxLength, ...one(rule) });
  const list = (rule: string, maxItems: number) => refusals(texts({ ...one(rule), maxItems }, { maxLength: 10 }));
  const one = (rule: string) => ({ 'x-kubernetes-validations': [{ rule }] });
  const exceeds = /estimated rule cost exceeds budget by factor of/;
  t.regex(text("self.split('').all(a, self.split('').all(b, a != b))", 1_000)[0] ?? '', exceeds);
  t.deepEqual(text("self.split(',').all(a, a.size() < 10)", 1_000), []);
  t.regex(list("self.join('').split('').all(a, self.join('').split('').all(b, a != b))", 100)[0] ?? '', exceeds);
  t.regex(list('self.all(a, self.map(b, b).size() > 0)', 1_000)[0] ?? '', exceeds);
  t.deepEqual(list('self.all(a, self.exists(b, a == b))', 900), []);
  t.regex(list('self.all(a, self.all(b, self.indexOf(b) == self.lastIndexOf(a)))', 300)[0] ?? '', exceeds);
});
