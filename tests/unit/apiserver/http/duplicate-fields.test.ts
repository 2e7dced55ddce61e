import test from 'ava';
import { duplicateFields } from '../../../../master/apiserver/http/duplicate-fields.ts';
import { Random } from '../../../support/random.ts';

const found = (text: string): string[] => duplicateFields(text, JSON.parse(text));

test('a field that a text says twice is named by its path', (t) => {
  t.deepEqual(found('{"a":1,"b":{"c":2}}'), []);
  t.deepEqual(found('{"a":1,"a":2}'), ['duplicate field "a"']);
  t.deepEqual(found('{"spec":{"list":[{"x":1},{"x":1, "y":[3,4], "x" :2}]}}'), ['duplicate field "spec.list[1].x"']);
  t.deepEqual(found('{"a":{"b":1},"a":{"b":2}}'), ['duplicate field "a"']);
  t.deepEqual(found('{"a":1,"\\u0061":2,"a":3}'), ['duplicate field "a"']);
});

test('texts that look like keys are none', (t) => {
  t.deepEqual(found('{"a":"{\\"b\\":1,\\"b\\":2}","c":["b","b:","\\\\"],"d":"\\\\\\":"}'), []);
  t.deepEqual(found('["a","a",{"a":"a"}]'), []);
  t.deepEqual(found('"a"'), []);
});

test('what a serializer wrote has no field twice', (t) => {
  const random = new Random(7);
  const texts = ['a', '"', '\\', ':', '{', '}', 'b c', '\n', '__proto__', ''];
  const any = (depth: number): unknown => {
    const pick = Math.floor(random.next() * (depth > 3 ? 3 : 5));
    const text = texts[Math.floor(random.next() * texts.length)] ?? '';
    if (pick === 0) return text;
    if (pick === 1) return null;
    if (pick === 2) return Math.floor(random.next() * 100);
    const items = Array.from({ length: Math.floor(random.next() * 4) }, () => any(depth + 1));
    if (pick === 3) return items;
    return Object.fromEntries(items.map((item, index) => [`${text}${index}`, item]));
  };
  for (let round = 0; round < 500; round++) t.deepEqual(found(JSON.stringify(any(0), null, round % 3)), []);
});
