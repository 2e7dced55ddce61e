import test from 'ava';
import { isStatusError } from '../../../../master/api/errors.ts';
import { mediaRanges, negotiate } from '../../../../master/apiserver/http/negotiate.ts';

test('a client that says nothing, or anything, gets JSON', (t) => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/json',
    'application/vnd.kubernetes.protobuf,application/json',
  ]) {
    t.is(negotiate(accept).contentType, 'application/json');
  }
});

test('kubectl gets the Table it asks for', (t) => {
  const { shape, contentType } = negotiate(
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
  );
  t.is(shape, 'table');
  t.is(contentType, 'application/json;as=Table;v=v1;g=meta.k8s.io');
});

test('an old client that knows tables and metadata as v1beta1 gets them so', (t) => {
  for (const as of ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']) {
    const accept = `application/json;as=${as};v=v1beta1;g=meta.k8s.io`;
    const { version, contentType } = negotiate(accept);
    t.deepEqual([version, contentType], ['v1beta1', accept]);
  }
  const error = t.throws(() => negotiate('application/json;as=Table;v=v1alpha1;g=meta.k8s.io'));
  t.true(isStatusError(error) && error.code === 406);
});

test('a metadata client whose first wish is protobuf gets its JSON form', (t) => {
  const wish = (format: string): string => `application/${format};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`;
  t.is(negotiate(`${wish('vnd.kubernetes.protobuf')},${wish('json')},application/json`).shape, 'metadata-list');
});

test('a client that takes protobuf only is told 406', (t) => {
  const error = t.throws(() => negotiate('application/vnd.kubernetes.protobuf'));
  t.true(isStatusError(error) && error.code === 406);
});

test('what is wanted more comes first', (t) => {
  t.deepEqual(
    mediaRanges('text/html;q=0.5, application/json, a/b;q=0').map(({ type }) => type),
    ['application/json', 'text/html'],
  );
});
