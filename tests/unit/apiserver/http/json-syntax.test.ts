import test from 'ava';
import fc from 'fast-check';
import { jsonSyntaxError } from '../../../../master/apiserver/http/json-syntax.ts';

const told = (text: string): string => jsonSyntaxError(text, 'nothing');

test("what is wrong with a text is told in the words of Go's decoder", (t) => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ['{', 'unexpected end of JSON input'],
    ['', 'unexpected end of JSON input'],
    ['{"a": [1, {"b": "c', 'unexpected end of JSON input'],
    ['x', "invalid character 'x' looking for beginning of value"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{a: 1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a": 1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a": 1 "b": 2}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['{"a": 1}x', "invalid character 'x' after top-level value"],
    ['01', "invalid character '1' after top-level value"],
    ['["a\nb"]', "invalid character '\\n' in string literal"],
    ['["\\q"]', "invalid character 'q' in string escape code"],
    ['["\\u00g0"]', "invalid character 'g' in \\u hexadecimal character escape"],
    ['[-x]', "invalid character 'x' in numeric literal"],
    ['[1.x]', "invalid character 'x' after decimal point in numeric literal"],
    ['[1e+x]', "invalid character 'x' in exponent of numeric literal"],
    ['[trux]', "invalid character 'x' in literal true (expecting 'e')"],
    ["['a']", "invalid character '\\'' looking for beginning of value"],
  ];
  for (const [text, message] of cases) t.is(told(text), message, text);
});

test('whatever JSON.parse takes has nothing wrong with it, and whatever it refuses has', (t) => {
  const takes = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };
  const nearlyJson = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', ']', ',', ':', '1', '-', '\\', 't', ' '))
    .map(([text, at, put]) => text.slice(0, at % (text.length + 1)) + put + text.slice((at % (text.length + 1)) + 1));
  fc.assert(
    fc.property(fc.oneof(fc.json(), nearlyJson), (text) => (told(text) === 'nothing') === takes(text)),
    { numRuns: 1_000, seed: 20_260_101 },
  );
  t.pass();
});

test('a text of any depth is read', (t) => {
  t.is(told('['.repeat(200_000)), 'unexpected end of JSON input');
});
