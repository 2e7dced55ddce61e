import test from 'ava';
import { parseLabelSelector } from '../../../master/api/label-selector-text.ts';
import {
  labelSelectorFromObject,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
} from '../../../master/api/selectors.ts';

const selects = (selector: string, labels: Record<string, string>): boolean =>
  matchesLabels(parseLabelSelector(selector), labels);

test('every operator of a label selector selects what kubectl selects', (t) => {
  const labels = { app: 'web', tier: 'front', weight: '7' };
  for (const selector of [
    'app=web',
    'app==web',
    'app in (web, api)',
    'app in (,web),!in',
    'app,!gone',
    'tier notin (back)',
    'x!=y',
    'weight>6',
    '',
  ]) {
    t.true(selects(selector, labels), selector);
  }
  for (const selector of [
    'app=api',
    'app!=web',
    'app notin (web,api)',
    '!app',
    'gone',
    'weight<7',
    'app=web,tier=back',
  ]) {
    t.false(selects(selector, labels), selector);
  }
});

test('a key that only the prototype has is not a label', (t) => {
  t.false(selects('constructor', {}));
});

test('a malformed label selector is refused in Kubernetes’ words', (t) => {
  const name =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const value =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
  const cases: Record<string, string> = {
    'a b': "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
    'a in b': "unable to parse requirement: found 'b' expected: '('",
    'a in (b': "unable to parse requirement: found '', expected: ',' or ')'",
    '!=b': "found '!=', expected: !, identifier, or 'end of string'",
    '=b': "found '=', expected: !, identifier, or 'end of string'",
    'a=b=c': "found '=', expected: ',' or 'end of string'",
    'a,,b': "found ',', expected: identifier after ','",
    '-a=b': `unable to parse requirement: <nil>: Invalid value: "-a": ${name}`,
    'a=-b': `unable to parse requirement: values[0][a]: Invalid value: "-b": ${value}`,
    'a>b': `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
  };
  for (const [selector, message] of Object.entries(cases)) {
    t.throws(() => parseLabelSelector(selector), { message }, selector);
  }
});

test('a selector object combines its labels and expressions', (t) => {
  const requirements = labelSelectorFromObject({
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }],
  });
  t.true(matchesLabels(requirements, { app: 'web', tier: 'front' }));
  t.false(matchesLabels(requirements, { app: 'web' }));
  t.throws(() => labelSelectorFromObject({ matchExpressions: [{ key: 'a', operator: 'Near' }] }), {
    message: /not a valid label selector operator/,
  });
});

test('field selectors compare for equality and inequality, and a missing field is empty', (t) => {
  const requirements = parseFieldSelector('spec.nodeName=,status.phase!=Failed,metadata.name==a');
  t.true(matchesFields(requirements, { 'status.phase': 'Running', 'metadata.name': 'a' }));
  t.false(matchesFields(requirements, { 'status.phase': 'Failed', 'metadata.name': 'a' }));
  t.throws(() => parseFieldSelector('metadata.name'), {
    message: "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
  });
});

test('a value of a field selector holds commas, equals signs and backslashes behind a backslash, and no bare ones', (t) => {
  t.deepEqual(parseFieldSelector(String.raw`reason=a\,b\=c\\,type!=\\\,d`), [
    { field: 'reason', operator: '=', value: 'a,b=c\\' },
    { field: 'type', operator: '!=', value: String.raw`\,d` },
  ]);
  t.deepEqual(parseFieldSelector('a!b=c,, d=e '), [
    { field: 'a!b', operator: '=', value: 'c' },
    { field: ' d', operator: '=', value: 'e ' },
  ]);
  const wrong: [string, string][] = [
    ['reason=a=b', 'unescaped character in value: 61'],
    [String.raw`reason=\d`, String.raw`invalid escape sequence: \d`],
    ['reason=a\\', 'invalid escape sequence: \\'],
  ];
  for (const [selector, message] of wrong) {
    t.throws(() => parseFieldSelector(selector), { message: `invalid field selector: ${message}` }, selector);
  }
});
