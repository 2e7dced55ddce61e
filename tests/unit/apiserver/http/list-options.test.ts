import test from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import {
  parseDeleteOptions,
  parseListOptions,
  parseWriteOptions,
} from '../../../../master/apiserver/http/list-options.ts';

const query = (text: string): URLSearchParams => new URLSearchParams(text);

function codeOf(run: () => unknown): number {
  try {
    run();
    return 0;
  } catch (error) {
    return isStatusError(error) ? error.code : -1;
  }
}

test('the query of a list is read', (t) => {
  t.deepEqual(parseListOptions(query('')), {});
  t.deepEqual(
    parseListOptions(
      query('limit=500&labelSelector=a%3Db&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=30'),
    ),
    { limit: 500, labelSelector: 'a=b', resourceVersion: '0', allowWatchBookmarks: true, timeoutSeconds: 30 },
  );
});

test('a number that is none is 400', (t) => {
  t.is(
    codeOf(() => parseListOptions(query('limit=ten'))),
    400,
  );
  t.is(
    codeOf(() => parseListOptions(query('timeoutSeconds=1.5'))),
    400,
  );
});

test('dryRun and fieldValidation take only the values that there are', (t) => {
  t.deepEqual(parseWriteOptions(query('dryRun=All&fieldManager=kubectl&fieldValidation=Strict'), 'CreateOptions'), {
    dryRun: true,
    fieldManager: 'kubectl',
    fieldValidation: 'Strict',
  });
  t.is(
    codeOf(() => parseWriteOptions(query('dryRun=Some'), 'CreateOptions')),
    422,
  );
  t.is(
    codeOf(() => parseWriteOptions(query('fieldValidation=Maybe'), 'CreateOptions')),
    422,
  );
});

test('the body of a DELETE goes before its query', (t) => {
  t.deepEqual(parseDeleteOptions(query('gracePeriodSeconds=5&propagationPolicy=Orphan'), { gracePeriodSeconds: 0 }), {
    gracePeriodSeconds: 0,
    propagationPolicy: 'Orphan',
  });
});
