import test from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import { decodeObject, decodePatch } from '../../../../master/apiserver/http/body.ts';

const pod = { kind: 'Pod', apiVersion: 'v1' };

function codeOf(run: () => unknown): number {
  try {
    run();
    return 0;
  } catch (error) {
    return isStatusError(error) ? error.code : -1;
  }
}

const decode = (type: string | undefined, text: string): unknown => decodeObject(type, Buffer.from(text), pod);

test('JSON and YAML bodies are read, and kind and apiVersion filled in', (t) => {
  const expected = { ...pod, metadata: { name: 'a' } };
  t.deepEqual(decode('application/json; charset=utf-8', '{"metadata":{"name":"a"}}'), expected);
  t.deepEqual(decode(undefined, '{"kind":"Pod","metadata":{"name":"a"}}'), expected);
  t.deepEqual(decode('application/yaml', 'apiVersion: v1\nmetadata:\n  name: a\n'), expected);
});

test('a body that is malformed, no object, or of another kind is 400', (t) => {
  const bodies = ['', '{', '[]', 'null', '"a"', '{"kind":"Secret"}', '{"apiVersion":"v2"}', '{"metadata":[]}'];
  for (const text of bodies)
    t.is(
      codeOf(() => decode('application/json', text)),
      400,
      text,
    );
  t.is(
    codeOf(() => decode('application/yaml', 'a: [')),
    400,
  );
});

test('a content type that is not served is 415', (t) => {
  t.is(
    codeOf(() => decode('text/plain', 'x')),
    415,
  );
  for (const type of ['application/apply-patch+yaml', 'application/json', undefined]) {
    t.is(
      codeOf(() => decodePatch(type, Buffer.from('{}'))),
      415,
    );
  }
});

test('the content type says how a patch is meant', (t) => {
  t.deepEqual(decodePatch('application/merge-patch+json', Buffer.from('{"a":1}')), { type: 'merge', patch: { a: 1 } });
  t.is(decodePatch('application/json-patch+json', Buffer.from('[]')).type, 'json');
  t.is(
    codeOf(() => decodePatch('application/json-patch+json', Buffer.from('{}'))),
    400,
  );
  t.is(
    codeOf(() => decodePatch('application/strategic-merge-patch+json', Buffer.from('[]'))),
    400,
  );
});

test('a body that is nested deeper than anything can walk is 400', (t) => {
  const deep = `{"data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  t.is(
    codeOf(() => decodeObject('application/json', Buffer.from(deep), pod, {})),
    400,
  );
});
