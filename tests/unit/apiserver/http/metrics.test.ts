import test from 'ava';
import { ServerMetrics } from '../../../../master/apiserver/http/metrics.ts';
import { parseRequest } from '../../../../master/apiserver/http/request-info.ts';
import { Watches } from '../../../../master/apiserver/http/watch-routes.ts';

test('requests are counted under Kubernetes’ names, by verb, resource, scope and code', async (t) => {
  const metrics = new ServerMetrics(new Watches());
  const list = parseRequest('GET', '/api/v1/namespaces/default/pods');
  metrics.begin(list);
  t.regex(await metrics.text(), /^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m);
  metrics.end(list, 200, 0.03, true);
  metrics.begin(list);
  metrics.end(list, 403, 0.001, true);
  const text = await metrics.text();
  const labels =
    'verb="LIST",dry_run="",group="",version="v1",resource="pods",subresource="",scope="namespace",component="apiserver"';
  for (const line of [
    `apiserver_request_total{${labels},code="200"} 1`,
    `apiserver_request_total{${labels},code="403"} 1`,
    `apiserver_request_duration_seconds_bucket{${labels},le="0.025"} 1`,
    `apiserver_request_duration_seconds_bucket{${labels},le="0.05"} 2`,
    `apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} 2`,
    `apiserver_request_duration_seconds_count{${labels}} 2`,
    'apiserver_current_inflight_requests{request_kind="readOnly"} 0',
  ]) {
    t.true(text.split('\n').includes(line), line);
  }
});

test('what meets no route cannot make the metrics grow', async (t) => {
  const metrics = new ServerMetrics(new Watches());
  for (let index = 0; index < 50; index += 1) {
    const nonsense = parseRequest('GET', `/nonsense/${index}`);
    metrics.begin(nonsense);
    metrics.end(nonsense, 404, 0, false);
  }
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('apiserver_request_total{'));
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /code="404"\} 50$/);
});
