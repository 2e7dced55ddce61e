import test from 'ava';
import { FenceLost, KeyExists } from '../../../../master/apiserver/store/errors.ts';
import { FencedWrites } from '../../../../master/apiserver/store/fenced-writes.ts';

const fence = { namespace: 'kube-system', lease: 'kube-scheduler', generation: 7 };

test('writes are counted by lease and by what the fence said', async (t) => {
  const writes = new FencedWrites();
  t.is(await writes.counted(fence, Promise.resolve('done')), 'done');
  await t.throwsAsync(writes.counted({ ...fence, generation: 6 }, Promise.reject(new FenceLost(fence))));
  t.deepEqual(Object.fromEntries(writes.counts), { 'kube-system/kube-scheduler': { accepted: 1, refused: 1 } });
});

test('a write without a fence, and one that fails for another reason, are not counted', async (t) => {
  const writes = new FencedWrites();
  await writes.counted(undefined, Promise.resolve());
  await t.throwsAsync(writes.counted(fence, Promise.reject(new KeyExists('/registry/pods/a'))), {
    instanceOf: KeyExists,
  });
  t.is(writes.counts.size, 0);
});

test('clients that make up leases do not fill the memory', async (t) => {
  const writes = new FencedWrites();
  for (let i = 0; i < 1_000; i += 1) await writes.counted({ ...fence, lease: `lease-${i}` }, Promise.resolve());
  t.true(writes.counts.size <= 101);
  t.is(
    [...writes.counts.values()].reduce((sum, { accepted }) => sum + accepted, 0),
    1_000,
  );
});
