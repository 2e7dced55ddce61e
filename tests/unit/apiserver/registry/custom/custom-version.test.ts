import test from 'ava';
import { parse } from 'yaml';
import type { KubeObject } from '../../../../../master/api/types.ts';
import { definitionStrategy } from '../../../../../master/apiserver/registry/custom/definition.ts';
import type { Definition } from '../../../../../master/apiserver/registry/custom/definition-types.ts';
import { customVersion } from '../../../../../master/apiserver/registry/custom/strategy.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';

function definitionOf(schema: string, more: Record<string, unknown> = {}): Definition {
  const definition: Definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: parse(schema) }, ...more }],
    },
  };
  definitionStrategy.setDefaults?.(definition);
  return definition;
}

/** What is wrong with a definition, each as `<field>: <message>`. */
function wrongWith(definition: Definition): string[] {
  const errors = new FieldErrors();
  definitionStrategy.validate?.(definition, errors);
  return errors.causes.map(({ field, message }) => `${field}: ${message}`);
}

const root = 'spec.versions[0].schema.openAPIV3Schema';

/** What comes of a body: the object as it would be stored, what was dropped, and what is wrong with it. */
function written(definition: Definition, object: Record<string, unknown>, old?: Record<string, unknown>) {
  const [version] = definition.spec.versions;
  if (!version) throw new Error('no version');
  const { shape, strategy } = customVersion(definition, version);
  const body = structuredClone(object);
  const { unknown = [], wrong } = shape.decode?.(body) ?? {};
  strategy.setDefaults?.(body);
  const errors = new FieldErrors();
  strategy.validate?.(body, errors, old as KubeObject | undefined);
  return { body, unknown, wrong, errors: errors.causes.map(({ field, message }) => `${field}: ${message}`) };
}

test('a schema that is not structural is refused, place by place', (t) => {
  t.deepEqual(wrongWith(definitionOf('{ type: object }')), []);
  const cases: Record<string, string> = {
    '{ type: string }': `${root}.type: Invalid value: "string": must be object at the root`,
    '{ type: object, properties: { a: {} } }': `${root}.properties[a].type: Required value: must not be empty for specified object fields`,
    '{ type: object, properties: { a: { type: array } } }': `${root}.properties[a].items: Required value: must be specified`,
    '{ type: object, properties: { a: { type: text } } }': `${root}.properties[a].type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    '{ type: object, properties: { a: { type: string, pattern: "(" } } }': `${root}.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
    '{ type: object, properties: { a: { type: integer, default: x } } }': `${root}.properties[a].default: Invalid value: "string": ${root}.properties[a].default in body must be of type integer: "string"`,
    '{ type: object, properties: { a: { type: object, additionalProperties: { type: object, items: 3 } } } }': `${root}.properties[a].additionalProperties.items: Invalid value: 3: must be a schema object`,
    '{ type: object, properties: { metadata: { type: object, properties: { labels: { type: object } } } } }': `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    '{ type: object, properties: { a: { type: array, x-kubernetes-list-type: map, items: { type: object } } } }': `${root}.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    '{ type: object, anyOf: [{ type: object, description: x }] }': `${root}.anyOf[0].description: Forbidden: must be empty to be structural`,
  };
  for (const [schema, wrong] of Object.entries(cases))
    t.true(wrongWith(definitionOf(schema)).includes(wrong), `${schema}\n${wrongWith(definitionOf(schema)).join('\n')}`);
  let deep = '{ type: string }';
  for (let depth = 0; depth < 200; depth++) deep = `{ type: object, properties: { a: ${deep} } }`;
  t.regex(wrongWith(definitionOf(deep)).join(), /must not be nested more than/);
});

test('rules that cannot be compiled are refused, with the place in the expression', (t) => {
  const wrong = wrongWith(
    definitionOf(
      '{ type: object, properties: { spec: { type: object, properties: { a-b: { type: integer }, list: { type: array, items: { type: object, properties: { x: { type: string } } } } }, x-kubernetes-validations: [{ rule: "self.a__dash__b > 1 && self.list.all(i, i.x != \'\')" }, { rule: self.nope }, { rule: "1 + 1" }, { rule: "true", messageExpression: "1" }] } } }',
    ),
  );
  t.deepEqual(wrong, [
    `${root}.properties[spec].x-kubernetes-validations[1].rule: Invalid value: "self.nope": compilation failed: ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^`,
    `${root}.properties[spec].x-kubernetes-validations[2].rule: Invalid value: "1 + 1": compilation failed: cel expression must evaluate to a bool`,
    `${root}.properties[spec].x-kubernetes-validations[3].messageExpression: Invalid value: "1": messageExpression must evaluate to a string`,
  ]);
});

test('unknown fields are dropped, except where they are kept, and what is missing gets its default', (t) => {
  const definition = definitionOf(`
type: object
properties:
  spec:
    type: object
    default: {}
    properties:
      a: { type: integer, default: 1 }
      kept: { type: object, x-kubernetes-preserve-unknown-fields: true, properties: { b: { type: object, properties: {} } } }
      items: { type: array, items: { type: object, properties: { c: { type: string, default: x } } } }
      map: { type: object, additionalProperties: { type: object, properties: { d: { type: boolean, default: true } } } }
      nothing: { type: string, nullable: true, default: y }
      inner: { type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true }
`);
  t.deepEqual(wrongWith(definition), []);
  const { body, unknown, errors } = written(definition, {
    metadata: { name: 'one', nope: 1 },
    spec: {
      ...{ a: null, nope: 1, nothing: null },
      ...{ kept: { free: [1], b: { gone: 1 } }, items: [{ z: 1 }, { c: 'own' }], map: { one: {} } },
      inner: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: {} },
    },
    more: 1,
  });
  t.deepEqual(errors, []);
  t.deepEqual(unknown.toSorted(), ['metadata.nope', 'more', 'spec.items[0].z', 'spec.kept.b.gone', 'spec.nope']);
  t.deepEqual(body.spec, {
    ...{ a: 1, nothing: null },
    ...{ kept: { free: [1], b: {} }, items: [{ c: 'x' }, { c: 'own' }], map: { one: { d: true } } },
    inner: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: {} },
  });
  t.deepEqual(written(definition, { metadata: {} }).body.spec, { a: 1, nothing: 'y' });
  t.regex(
    written(definition, { metadata: { labels: 3 } }).wrong ?? '',
    /cannot unmarshal number into Go struct field ObjectMeta/,
  );
});

test('what is nested without end is not taken, though no schema looks into it', (t) => {
  const definition = definitionOf('{ type: object, x-kubernetes-preserve-unknown-fields: true }');
  const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
  const [version] = definition.spec.versions;
  const shape = version && customVersion(definition, version).shape;
  t.is(shape?.decode?.({ metadata: { name: 'x' }, free: deep }).wrong, 'exceeded max depth');
  t.is(shape?.decode?.({ metadata: { name: 'x' }, free: [[[1]]] }).wrong, undefined);
});

test('values are held to their schema in the words of Kubernetes', (t) => {
  const definition = definitionOf(`
type: object
properties:
  n: { type: integer, minimum: 1, maximum: 3, exclusiveMaximum: true }
  f: { type: number, multipleOf: 0.5 }
  s: { type: string, minLength: 2, format: date-time }
  e: { type: string, enum: [a, b] }
  port: { x-kubernetes-int-or-string: true }
  list: { type: array, minItems: 2, maxItems: 3, items: { type: string }, x-kubernetes-list-type: set }
  o: { type: object, required: [x], minProperties: 1, properties: { x: { type: string } } }
  one: { type: object, properties: { a: { type: string }, b: { type: string } }, oneOf: [{ required: [a] }, { required: [b] }] }
`);
  t.deepEqual(wrongWith(definition), []);
  const wrong = (object: Record<string, unknown>): string[] =>
    written(definition, { metadata: { name: 'x' }, ...object }).errors;
  t.deepEqual(
    wrong({
      n: 1,
      f: 1.5,
      s: '2026-01-01T00:00:00Z',
      e: 'a',
      port: 'http',
      list: ['a', 'b'],
      o: { x: '' },
      one: { a: '' },
    }),
    [],
  );
  t.deepEqual(wrong({ n: 3 }), ['n: Invalid value: 3: n in body should be less than 3']);
  t.deepEqual(wrong({ n: 1.5 }), ['n: Invalid value: "number": n in body must be of type integer: "number"']);
  t.deepEqual(wrong({ f: 0.3 }), ['f: Invalid value: 0.3: f in body should be a multiple of 0.5']);
  t.deepEqual(wrong({ s: 'x' }), [
    's: Invalid value: "x": s in body should be at least 2 chars long',
    's: Invalid value: "x": s in body must be of type date-time: "x"',
  ]);
  t.deepEqual(wrong({ e: 'c' }), ['e: Unsupported value: "c": supported values: "a", "b"']);
  t.deepEqual(wrong({ port: true }), [
    'port: Invalid value: "boolean": port in body must be of type integer,string: "boolean"',
  ]);
  t.deepEqual(wrong({ list: ['a', 'a', 'b', 'c'] }), [
    'list: Too many: 4: must have at most 3 items',
    'list[1]: Duplicate value: "a"',
  ]);
  t.deepEqual(wrong({ o: {} }), [
    'o: Invalid value: {}: o in body should have at least 1 properties',
    'o.x: Required value',
  ]);
  t.deepEqual(wrong({ one: {} }), [
    'one: Invalid value: {}: "one" must validate one and only one schema (oneOf). Found none valid',
  ]);
});

test('an update need not repair what was wrong before, and transition rules see the old value', (t) => {
  const definition = definitionOf(`
type: object
properties:
  spec:
    type: object
    properties:
      name: { type: string, maxLength: 3 }
      size: { type: integer, x-kubernetes-validations: [{ rule: self >= oldSelf, message: never smaller }, { rule: "self < 100", reason: FieldValueForbidden }] }
      mode: { type: string, x-kubernetes-validations: [{ rule: "oldSelf.hasValue() || self == 'new'", optionalOldSelf: true, message: begins new }] }
      items:
        type: array
        x-kubernetes-list-type: map
        x-kubernetes-list-map-keys: [k]
        items: { type: object, required: [k], properties: { k: { type: string }, v: { type: integer, x-kubernetes-validations: [{ rule: self == oldSelf, messageExpression: "'was %d'.format([oldSelf])" }] } } }
`);
  t.deepEqual(wrongWith(definition), []);
  const wrong = (now: unknown, before?: unknown): string[] =>
    written(definition, { metadata: { name: 'x' }, spec: now }, before === undefined ? undefined : { spec: before })
      .errors;
  t.deepEqual(wrong({ name: 'long', size: 1 }, { name: 'long', size: 1 }), []);
  t.deepEqual(wrong({ name: 'longer', size: 1 }, { name: 'long', size: 1 }), [
    'spec.name: Too long: may not be more than 3 bytes',
  ]);
  t.deepEqual(wrong({ size: 1 }, { size: 2 }), ['spec.size: Invalid value: "integer": never smaller']);
  t.deepEqual(wrong({ size: 200 }), ['spec.size: Forbidden: failed rule: self < 100']);
  t.deepEqual(wrong({ size: 200, name: 'a' }, { size: 200, name: 'b' }), []);
  t.deepEqual(wrong({ mode: 'old' }), ['spec.mode: Invalid value: "string": begins new']);
  t.deepEqual(wrong({ mode: 'old' }, { mode: 'new' }), []);
  const items = [
    { k: 'b', v: 1 },
    { k: 'a', v: 3 },
  ];
  t.deepEqual(wrong({ items }, { items: [{ k: 'a', v: 2 }] }), ['spec.items[1].v: Invalid value: "integer": was 2']);
});

test('columns show what is at their paths, each by its type', (t) => {
  const definition = definitionOf('{ type: object, x-kubernetes-preserve-unknown-fields: true }', {
    additionalPrinterColumns: [
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Names', type: 'string', jsonPath: '.spec.items[*].name' },
      { name: 'Count', type: 'integer', jsonPath: '.spec.count' },
      { name: 'Label', type: 'string', jsonPath: ".metadata.labels['a.b/c']" },
      { name: 'Since', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  });
  t.deepEqual(wrongWith(definition), []);
  const [version] = definition.spec.versions;
  const columns = version ? customVersion(definition, version).strategy.columns : [];
  const object = {
    metadata: { name: 'x', labels: { 'a.b/c': 'd' }, creationTimestamp: '2026-01-01T00:00:00Z' },
    status: {
      conditions: [
        { type: 'Other', status: 'False' },
        { type: 'Ready', status: 'True' },
      ],
    },
    spec: { items: [{ name: 'a' }, { name: 'b' }], count: 'three' },
  };
  const now = Date.parse('2026-01-01T00:00:30Z');
  t.deepEqual(
    columns.map((column) => column.value(object, now)),
    ['x', 'True', 'a,b', null, 'd', '30s'],
  );
});
