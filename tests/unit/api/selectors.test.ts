import test from 'ava';
import {
  labelSelectorFromObject,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from '../../../master/api/selectors.ts';

const selects = (selector: string, labels: Record<string, string>): boolean =>
  matchesLabels(parseLabelSelector(selector), labels);

test('every operator of a label selector selects what kubectl selects', (t) => {
  const labels = { app: 'web', tier: 'front', weight: '7' };
  for (const selector of [
    'app=web',
    'app==web',
    'app in (web, api)',
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

test('a malformed label selector is refused with the place', (t) => {
  for (const selector of ['a b', 'a in (b', '=b', 'a=b=c', '-a=b', 'a=-b', 'a>b']) {
    t.throws(() => parseLabelSelector(selector), { message: /unable to parse requirement/ }, selector);
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
