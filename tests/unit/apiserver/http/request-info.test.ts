import test from 'ava';
import { parseRequest, type RequestInfo } from '../../../../master/apiserver/http/request-info.ts';

function about(method: string, url: string): Partial<RequestInfo> {
  const { verb, group, version, resource, subresource, namespace, name } = parseRequest(method, url);
  return { verb, group, version, resource, subresource, namespace, name };
}

const none = { group: '', version: 'v1', resource: '', subresource: '', namespace: '', name: '' };

test('a path of the core group names namespace, resource, object and subresource', (t) => {
  t.deepEqual(about('PATCH', '/api/v1/namespaces/default/pods/a/status?fieldManager=x'), {
    ...none,
    verb: 'patch',
    resource: 'pods',
    namespace: 'default',
    name: 'a',
    subresource: 'status',
  });
});

test('a path of a named group names it', (t) => {
  t.deepEqual(about('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler'), {
    ...none,
    verb: 'get',
    group: 'coordination.k8s.io',
    resource: 'leases',
    namespace: 'kube-system',
    name: 'kube-scheduler',
  });
});

test('a namespace is an object of its own, with status and finalize', (t) => {
  t.deepEqual(about('GET', '/api/v1/namespaces'), { ...none, verb: 'list', resource: 'namespaces' });
  const one = { ...none, resource: 'namespaces', namespace: 'a', name: 'a' };
  t.deepEqual(about('DELETE', '/api/v1/namespaces/a'), { ...one, verb: 'delete' });
  t.deepEqual(about('PUT', '/api/v1/namespaces/a/finalize'), { ...one, verb: 'update', subresource: 'finalize' });
});

test('GET of a collection is a list, or a watch where the query says so', (t) => {
  t.is(parseRequest('GET', '/api/v1/pods').verb, 'list');
  t.is(parseRequest('GET', '/api/v1/pods?watch=true').verb, 'watch');
  t.is(parseRequest('GET', '/api/v1/pods?watch=1').verb, 'watch');
  t.is(parseRequest('GET', '/api/v1/pods?watch=false').verb, 'list');
  t.is(parseRequest('GET', '/api/v1/namespaces/a/pods/b?watch=true').verb, 'get', 'what is named is read');
  t.is(parseRequest('GET', '/api/v1/watch/namespaces/a/pods').verb, 'watch');
  t.is(parseRequest('DELETE', '/api/v1/namespaces/a/pods').verb, 'deletecollection');
});

test('a list that a field selector narrows to one object is about that object', (t) => {
  t.is(parseRequest('GET', '/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Dx').name, 'x');
  t.is(parseRequest('GET', '/api/v1/namespaces/a/secrets?fieldSelector=metadata.name!=x').name, '');
});

test('other paths are no resources, and a badly encoded one does no harm', (t) => {
  for (const path of ['/', '/healthz', '/api', '/api/v1', '/apis/apps/v1', '/openapi/v3/api/v1', '/api/v1/%zz/a']) {
    t.false(parseRequest('GET', path).isResource, path);
  }
  t.is(parseRequest('HEAD', '/healthz').verb, 'head');
});
