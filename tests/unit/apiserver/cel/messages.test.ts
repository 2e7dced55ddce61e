import test from 'ava';
import { mutationEnvironment } from '../../../../master/apiserver/admission/expressions.ts';
import { toJson } from '../../../../master/apiserver/cel/environment.ts';

function evaluate(expression: string, object: unknown = {}): { type: string; value: unknown } | string {
  const compiled = mutationEnvironment.compile(expression);
  if (!compiled.ok) return compiled.message;
  const result = compiled.program.evaluate(mutationEnvironment.bind({ object }));
  return result.ok ? { type: compiled.program.type, value: toJson(result.value) } : result.message;
}

test('a message is an object of its fields, however it is written', (t) => {
  t.deepEqual(evaluate('Object{spec: Object.spec{replicas: 1 > 0 ? 2 : 3, paused: true,}}'), {
    type: 'Object',
    value: { spec: { replicas: 2, paused: true } },
  });
  t.deepEqual(evaluate('Object . spec // the part\n { /* */ }'.replace('/* */', '// nothing: {\n')), {
    type: 'Object.spec',
    value: {},
  });
  t.deepEqual(evaluate(`Object{a: "Object{b: 1}", b: r'\\d"{', c: {"x": 1}, d: [1].map(e, e)}`), {
    type: 'Object',
    value: { a: 'Object{b: 1}', b: '\\d"{', c: { x: 1 }, d: [1] },
  });
});

test('an optional field is there when its value is', (t) => {
  const expression = 'Object{?a: object.?there, ?b: object.?missing}';
  t.deepEqual(evaluate(expression, { there: 'x' }), { type: 'Object', value: { a: 'x' } });
});

test('operations of a patch may be chosen, added and made of a list', (t) => {
  const expression = `(object.a ? [] : [JSONPatch{op: "test", path: "/a"}]) +
    ["b", "c"].map(k, JSONPatch{op: "add", path: "/" + jsonpatch.escapeKey(k + "~/"), value: 1})`;
  t.deepEqual(evaluate(expression, { a: false }), {
    type: 'list<JSONPatch>',
    value: [
      { op: 'test', path: '/a' },
      { op: 'add', path: '/b~0~1', value: 1 },
      { op: 'add', path: '/c~0~1', value: 1 },
    ],
  });
});

test('what is wrong is told at its place in what was written', (t) => {
  const message = evaluate('Object{spec: Object.spec{replicas: missing}}');
  t.is(
    message,
    `ERROR: <input>:1:36: undeclared reference to 'missing' (in container '')
 | Object{spec: Object.spec{replicas: missing}}
 | ...................................^`,
  );
  t.regex(String(evaluate('JSONPatch{operation: "add"}')), /undefined field 'operation'/);
  t.regex(String(evaluate('Other{a: 1}')), /^ERROR: <input>:1:6/);
});
