import test from 'ava';
import { ApiUnreachable, Client } from '../../../master/api/client.ts';
import type { Pod } from '../../../master/api/types.ts';
import { Freshness } from '../../../master/controllers/replication/freshness.ts';
import { replicationControllers } from '../../../master/controllers/replication/replica-kinds.ts';
import { controller } from './objects.ts';

/** Nobody listens there: who asks the API server learns that at once. */
const nobody = new Client({ servers: ['https://127.0.0.1:1'] });
test.after.always(() => nobody.close());

const cacheAt = (resourceVersion: string, reached: Promise<void> = new Promise(() => {})) => ({
  ...{ resourceVersion, get: (): Pod | undefined => undefined },
  reached: () => reached,
});

test('a cache that has reached the begin of the term is believed without a question', async (t) => {
  t.true(await new Freshness(nobody, replicationControllers, cacheAt('100'), '100').verify(controller(), []));
  t.true(await new Freshness(nobody, replicationControllers, cacheAt('1000'), '999').verify(controller(), []));
});

test('with an older cache the API server is asked, and nothing is believed when it does not answer', async (t) => {
  const freshness = new Freshness(nobody, replicationControllers, cacheAt('99'), '100');
  await t.throwsAsync(freshness.verify(controller(), []), { instanceOf: ApiUnreachable });
});

test('whichever comes first is believed: the answer, or the event that takes the cache past the begin of the term', async (t) => {
  const freshness = new Freshness(nobody, replicationControllers, cacheAt('99', Promise.resolve()), '100');
  t.true(await freshness.verify(controller(), []));
});

test('after a write of unknown outcome the API server is asked, however new the cache is', async (t) => {
  const freshness = new Freshness(nobody, replicationControllers, cacheAt('200'), '100');
  t.true(await freshness.verify(controller(), []));
  freshness.doubt(controller());
  await t.throwsAsync(freshness.verify(controller(), []), { instanceOf: ApiUnreachable });
});
