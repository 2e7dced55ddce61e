import test from 'ava';
import { type HealthCheck, healthRoutes } from '../../../../master/apiserver/http/health.ts';
import { ask, serve } from './support.ts';

const ping: HealthCheck = { name: 'ping', on: ['healthz', 'livez', 'readyz'], check() {} };
const etcd: HealthCheck = {
  name: 'etcd',
  on: ['healthz', 'readyz'],
  check() {
    throw new Error('no leader');
  },
};

test('a healthy server says ok, and each check where it is asked for them', async (t) => {
  const url = await serve(
    t,
    healthRoutes([ping], () => {}),
  );
  t.is((await ask(url, '/readyz')).text, 'ok');
  t.is((await ask(url, '/readyz?verbose')).text, '[+]ping ok\nreadyz check passed\n');
  t.is((await ask(url, '/readyz/ping')).text, 'ok');
});

test('a failed check makes 500 and is named, and its reason is only logged', async (t) => {
  const failed: string[] = [];
  const url = await serve(
    t,
    healthRoutes([ping, etcd], (name) => failed.push(name)),
  );
  const { status, text } = await ask(url, '/readyz');
  t.is(status, 500);
  t.is(text, '[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n');
  t.deepEqual(failed, ['etcd']);
  t.is((await ask(url, '/livez')).status, 200);
});

test('a check can be left out', async (t) => {
  const url = await serve(
    t,
    healthRoutes([ping, etcd], () => {}),
  );
  t.is((await ask(url, '/readyz?exclude=etcd')).text, 'ok');
  t.true((await ask(url, '/readyz?exclude=etcd&verbose')).text.includes('[+]etcd excluded: ok'));
});
