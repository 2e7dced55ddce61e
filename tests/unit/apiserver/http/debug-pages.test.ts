import test from 'ava';
import { debugPages } from '../../../../master/apiserver/http/debug-pages.ts';
import type { Exchange } from '../../../../master/apiserver/http/exchange.ts';

const pages = new Map(
  debugPages(['/healthz', '/healthz/ping', '/metrics', '/apis/apps', '/.well-known/x', '/'], { 'secure-port': '6443' }),
);

/** What is answered to a request with this Accept header; throws what the page throws. */
function ask(path: string, accept?: string): { type: string; text: string } {
  const answer = { type: '', text: '' };
  const response = {
    req: { headers: {} },
    setHeader() {},
    writeHead: (_code: number, headers: Record<string, string>) =>
      Object.assign(answer, { type: headers['Content-Type'] }),
    end: (bytes: Buffer) => Object.assign(answer, { text: bytes.toString() }),
  };
  const exchange = { request: { headers: { accept } }, response } as unknown as Exchange;
  void pages.get(path)?.(exchange);
  return answer;
}

test('people are told how the server runs, and programs that ask for it in the form that they ask for', (t) => {
  for (const accept of [undefined, '*/*', 'text/plain']) {
    const { type, text } = ask('/statusz', accept);
    t.is(type, 'text/plain; charset=utf-8');
    t.regex(
      text,
      /^\nkube-apiserver statusz\nWarning: [\s\S]*\nUp: 0 hr \d\d min \d\d sec\n[\s\S]*\nPaths: \/healthz \/metrics\n$/,
    );
  }
  const { type, text } = ask('/statusz', 'application/json;as=Statusz;v=v1beta1;g=config.k8s.io');
  t.is(type, 'application/json;as=Statusz;v=v1beta1;g=config.k8s.io');
  t.like(JSON.parse(text), {
    kind: 'Statusz',
    apiVersion: 'config.k8s.io/v1beta1',
    metadata: { name: 'kube-apiserver' },
    paths: ['/healthz', '/metrics'],
  });
  t.regex(ask('/flagz').text, /^\nkube-apiserver flagz\n[\s\S]*\nsecure-port: 6443\n$/);
  t.like(JSON.parse(ask('/flagz', 'application/json;as=Flagz;v=v1beta1;g=config.k8s.io').text), {
    flags: { 'secure-port': '6443' },
  });
  for (const accept of ['application/json', 'application/json;as=Flagz;v=v1beta1;g=config.k8s.io']) {
    t.throws(() => ask('/statusz', accept), { message: /^only the following media types are accepted/ });
  }
});
