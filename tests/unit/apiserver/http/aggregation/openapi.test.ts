import test from 'ava';
import { mergeV2 } from '../../../../../master/apiserver/http/aggregation/openapi.ts';

test('a definition that differs from ours of the same name is kept beside it, and what speaks of it follows', (t) => {
  const ours = {
    swagger: '2.0',
    paths: { '/api/v1/pods': { get: {} } },
    definitions: { Meta: { type: 'object' }, Time: { type: 'string', 'x-kubernetes-group-version-kind': [] } },
  };
  const theirs = {
    paths: {
      '/apis/e/v1/a': { get: { schema: { $ref: '#/definitions/A' } } },
      '/api/v1/pods': { get: { theirs: true } },
    },
    definitions: {
      A: { properties: { meta: { $ref: '#/definitions/Meta' }, time: { $ref: '#/definitions/Time' } } },
      Meta: { type: 'object', description: 'theirs' },
      Time: { type: 'string' },
    },
  };
  t.deepEqual(mergeV2(ours, theirs), {
    swagger: '2.0',
    paths: { '/api/v1/pods': { get: {} }, '/apis/e/v1/a': { get: { schema: { $ref: '#/definitions/A' } } } },
    definitions: {
      ...ours.definitions,
      A: { properties: { meta: { $ref: '#/definitions/Meta_v2' }, time: { $ref: '#/definitions/Time' } } },
      Meta_v2: { type: 'object', description: 'theirs' },
    },
  });
});
