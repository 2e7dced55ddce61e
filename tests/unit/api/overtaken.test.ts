import test from 'ava';
import { alreadyExists, conflict, forbidden, notFound } from '../../../master/api/errors.ts';
import { kinds } from '../../../master/api/kinds.ts';
import { behindMs, unlessOvertaken } from '../../../master/api/overtaken.ts';

test('a write that somebody else overtook is no error, and is looked at again where the object was changed', async (t) => {
  const failing = (error: Error) => unlessOvertaken(Promise.reject(error));
  t.deepEqual(await unlessOvertaken(Promise.resolve('written')), {});
  t.deepEqual(await failing(conflict(kinds.pods, 'a', 'why')), { requeueAfterMs: behindMs });
  t.deepEqual(await failing(notFound(kinds.pods, 'a')), {});
  t.deepEqual(await failing(alreadyExists(kinds.pods, 'a')), {});
  await t.throwsAsync(failing(forbidden(kinds.pods, 'a', 'exceeded quota: q')));
});
