import test from 'ava';
import { chooseEndpoint, parseTarget, splitPath } from '../../../../master/apiserver/http/object-proxy.ts';
import { streamQuery } from '../../../../master/apiserver/http/pod-streams.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';

const query = (text: string, isExec = true): string => String(streamQuery(new URLSearchParams(text), isExec));

test('the options of exec and attach reach the kubelet by its names', (t) => {
  t.is(query('command=ls&command=-l&stdin=true&stdout=1&stderr=false'), 'input=1&output=1&command=ls&command=-l');
  t.is(query('stdout=true&tty=true&container=x', false), 'output=1&tty=1');
});

test('options that make no sense are refused in Kubernetes’ words', (t) => {
  t.throws(() => query('command=ls'), { message: 'you must specify at least 1 of stdin, stdout, stderr' });
  t.throws(() => query('command=ls&stderr=1&tty=1'), { message: 'tty and stderr cannot both be true' });
  t.throws(() => query('stdout=1'), { message: 'you must specify a command' });
});

test('a proxied name may say scheme and port', (t) => {
  t.deepEqual(parseTarget('a'), { scheme: 'http', name: 'a', port: '' });
  t.deepEqual(parseTarget('a:http'), { scheme: 'http', name: 'a', port: 'http' });
  t.deepEqual(parseTarget('https:a:443'), { scheme: 'https', name: 'a', port: '443' });
  t.deepEqual(parseTarget(':a:80'), { scheme: 'http', name: 'a', port: '80' });
  t.deepEqual(parseTarget('https:a:'), { scheme: 'https', name: 'a', port: '' });
  for (const bad of ['', ':80', 'ftp:a:80', 'a:b:c:d', 'http::80']) t.is(parseTarget(bad), undefined, bad);
});

test('what comes after proxy is passed on as it was sent', (t) => {
  const of = (path: string) => splitPath(`/api/v1/namespaces/ns/services/a:b/proxy${path}`).rest;
  t.deepEqual([of(''), of('/'), of('/x%2Fy/'), of('//z')], [undefined, '', 'x%2Fy/', '/z']);
  t.is(splitPath('/api/v1/nodes/n/proxy/proxy/x').rest, 'proxy/x');
});

test('a parameter `watch` is the backend’s where a request is passed on', (t) => {
  t.is(parseRequest('GET', '/api/v1/namespaces/ns/pods/a/proxy/x?watch=true').verb, 'get');
  t.is(parseRequest('POST', '/api/v1/namespaces/ns/pods/a/exec?command=x').verb, 'create');
});

const service = {
  metadata: { name: 'a' },
  spec: {
    ports: [
      { name: 'web', port: 80 },
      { name: 'tls', port: 443 },
    ],
  },
};
const endpoints = {
  subsets: [
    {
      addresses: [{ ip: '10.0.0.1', targetRef: { kind: 'Pod', namespace: 'ns', name: 'p' } }, { ip: '10.0.0.2' }],
      ports: [{ name: 'web', port: 8080 }],
    },
  ],
};

test('a Service’s port goes by number or name, and any of its endpoints may answer', (t) => {
  const choose = (port: string, chance: number) =>
    chooseEndpoint(service, endpoints, { scheme: 'http', name: 'a', port }, chance);
  t.deepEqual(choose('80', 0), { ip: '10.0.0.1', port: 8080, pod: { namespace: 'ns', name: 'p' } });
  t.deepEqual(choose('web', 0.99), { ip: '10.0.0.2', port: 8080, pod: undefined });
});

test('a Service without an endpoint says so', (t) => {
  const choose = (port: string, of: Parameters<typeof chooseEndpoint>[1]) => () =>
    chooseEndpoint(service, of, { scheme: 'http', name: 'a', port }, 0);
  t.throws(choose('81', endpoints), { message: 'no service port 81 found for service "a"' });
  t.throws(choose('443', endpoints), { message: 'no endpoints available for service "a:tls"' });
  t.throws(choose('web', {}), { message: 'no endpoints available for service "a"' });
});
