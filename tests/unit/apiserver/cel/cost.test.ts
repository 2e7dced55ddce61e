import test from 'ava';
import { largestOf } from '../../../../master/apiserver/registry/custom/rule-costs.ts';
import { compileRules } from '../../../../master/apiserver/registry/custom/rules.ts';
import { readSchema } from '../../../../master/apiserver/registry/custom/schema.ts';

/** What a rule may cost once, at a place of this schema; an object is no root of a resource. */
function costOf(schema: object, rule: string): number | undefined {
  const foo = readSchema({ ...schema, 'x-kubernetes-validations': [{ rule }] });
  const rules = compileRules(
    readSchema({ type: 'object', properties: { foo: { ...schema, 'x-kubernetes-validations': [{ rule }] } } }),
    (place, _, why) => {
      throw new Error(`${place}: ${why}`);
    },
  );
  return rules?.properties.get('foo')?.here[0]?.program.worstCost(largestOf(foo));
}

const number = { type: 'number' };
const boolean = { type: 'boolean' };
const text = (maxLength?: number) => ({ type: 'string', maxLength });
const format = (format: string) => ({ type: 'string', format });
const intOrString = { 'x-kubernetes-int-or-string': true };
const list = (items: object, maxItems?: number) => ({ type: 'array', items, maxItems });
const map = (additionalProperties: object, maxProperties?: number) => ({
  type: 'object',
  additionalProperties,
  maxProperties,
});
const object = (properties: object, ...required: string[]) => ({ type: 'object', properties, required });
const withRequired = object({ required: text(), optional: text() }, 'required');

/** As many as Kubernetes' own tests of its estimates say (apiextensions-apiserver, pkg/apiserver/schema/cel). */
const ofKubernetes: [schema: object, rule: string, cost: number][] = [
  [list(number), 'self.all(x, true)', 4_718_591],
  [list(number, 10), 'self.all(x, true)', 32],
  [list(text()), 'self.all(x, true)', 3_145_727],
  [list(boolean), 'self.all(x, true)', 1_887_437],
  [list(list(number)), 'self.all(x, true)', 3_145_727],
  [list(withRequired), 'self.all(x, true)', 555_128],
  [map(number), 'self.all(x, true)', 1_348_169],
  [map(text()), 'self.all(x, true)', 1_179_647],
  [map(boolean), 'self.all(x, true)', 943_718],
  [map(map(number)), 'self.all(x, true)', 1_179_647],
  [list(intOrString), 'self.all(x, true)', 4_718_591],
  [list(format('duration')), 'self.all(x, true)', 2_359_295],
  [list(format('date')), 'self.all(x, true)', 725_936],
  [list(format('date-time')), 'self.all(x, true)', 428_963],
  [map(format('date-time')), 'self.all(x, true)', 349_526],
  [list(number, 10), 'self.all(x, self.all(y, self.all(z, true)))', 3_552],
  [list(number), 'self.all(x, x == 0.0)', 6_291_454],
  [text(), "self.contains('test')", 314_574],
  [text(10), "self.contains('test')", 5],
  [text(), "self.startsWith('test')", 2],
  [text(), 'size(self + "hello") > size("hello")', 314_578],
  [text(4), 'size(self + "hello") > size("hello")', 7],
  [text(), 'self.matches("x")', 314_574],
  [text(50), 'self.matches("x")', 22],
  [text(), '"".matches("(((((((((())))))))))[0-9]")', 7],
  [text(), 'self.matches("")', 1],
  [text(), 'self == "x"', 2],
  [text(0), 'self == "x"', 1],
  [format('byte'), 'self == b"x"', 2],
  [list(number), 'self[1] == 0.0', 2],
  [list(text()), 'self[1] == self[1]', 314_577],
  [map(text(10), 10), 'self.all(x, x.contains(self[x]))', 72],
  [list(intOrString), 'self[0] == 5', 3],
  [list(boolean), 'self[0] == false', 2],
  [list(list(number)), 'self[0][0] == -1.0', 3],
  [list(map(number)), 'self.all(x, x.y == 25.2)', 6_291_452],
  [list(map(number)), 'self[0].x > 2.0', 4],
  [list(format('duration')), 'self[0].getHours() == 2', 4],
  [list(format('date')), 'self[2].getDayOfMonth() == 13', 4],
  [map(number), 'oldSelf.size() == self.size()', 5],
  [map(format('date-time')), 'self["a"] == self["b"]', 8],
  [map(format('duration')), 'self["c"] == self["d"]', 8],
  [text(), "self.find('[0-9]+') == ''", 629_147],
  [text(10), "self.find('[0-9]+') == ''", 11],
  [list(text()), "self.join(' ') == 'aa bb'", 329_853_068_905],
  [list(text(10), 10), "self.join(' ') == 'aa bb'", 43],
  [list(text()), 'self.isSorted() == true', 329_854_432_052],
  [list(text(10), 10), 'self.isSorted() == true', 52],
  [object({ str: text(), separator: text() }), 'self.str.split(self.separator) == []', 629_160],
  [object({ str: text(10), separator: text(10) }), 'self.str.split(self.separator) == []', 22],
  [text(), "self.lowerAscii() == 'lower!'", 314_575],
  [text(10), "self.lowerAscii() == 'lower!'", 6],
  [{ type: 'string', enum: ['A', 'B', 'C', 'LongValue'] }, "self.contains('A')", 2],
];

test('an estimate is the one that Kubernetes makes', (t) => {
  for (const [schema, rule, cost] of ofKubernetes) {
    t.is(costOf(schema, rule), cost, `${JSON.stringify(schema)}: ${rule}`);
  }
  const replace = (str: object) => object({ str, before: text(2), after: text(4) });
  const rule = "self.str.replace(self.before, self.after) == 'does not matter'";
  t.is(costOf(replace(text()), rule), 629_154);
  t.is(costOf(replace(text(4)), rule), 12);
});

test('expressions over what they make themselves cost what cel-go says', (t) => {
  const cases: [rule: string, cost: number][] = [
    ['[1, 2, 3].all(x, true)', 20],
    ['2 in [1, 2, 3]', 13],
    ['[1, 2, 3, 4, 5].filter(x, x % 2 == 0).size() > 0', 103],
    ['[1, 2, 3, 4, 5].map(x, x).map(x, x).size() > 0', 164],
    ["{'hello': 'hi'}['hello'] != {'hello': 'bye'}['hello']", 63],
    ['((5 != 6) == (1 == 2)) == ((3 <= 4) == (9 != 9))', 7],
    ['[1, 2, 3].all(i, i in [1, 2, 3].map(j, j + j))', 230],
    ['has(self.a)', 1],
    ['[1, 2, 3].all(i, v, true)', 20],
    ['[1, 2].transformList(i, v, v).size() > 0', 10 + 2 * 13 + 11 + 2],
    ['[3, 1].sort() == []', 10 + 8 + 11 + 10],
    ['lists.range(5).size() > 0', 5 + 11 + 2],
  ];
  const schema = object({ a: { type: 'integer' } });
  for (const [rule, cost] of cases) t.is(costOf(schema, rule), cost, rule);
});

test('what nothing says the size of has no end', (t) => {
  const schema = object({ count: { type: 'integer' }, at: format('date-time'), names: list(text(5), 3) });
  const without = Number.POSITIVE_INFINITY;
  t.is(costOf(schema, "string(self.count).contains('1')"), without);
  t.is(costOf(schema, 'string(self.at) == string(self.at)'), without);
  t.is(costOf(schema, "'%d'.format([self.count]).matches('^1')"), without);
  t.is(costOf(schema, "self.names.map(n, n + 'x').join(',') == ''"), without);
  // What it is compared with is short.
  t.is(costOf(schema, "string(self.count) == '1'"), 4);
  t.is(costOf(schema, "self.names.join(',') == ''"), 9);
});
