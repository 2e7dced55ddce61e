import test from 'ava';
import { onNetworkLost } from '../../../lb/network.ts';

test('a network that is there and then gone for two looks is lost; one that never was is not', async (t) => {
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const looks = [false, false, true, false, true, false, false];
  let looked = 0;
  await new Promise<void>((resolve) => {
    // Its timer alone would not keep this process.
    const keep = setInterval(() => {}, 1_000);
    const lost = () => {
      clearInterval(keep);
      resolve();
    };
    onNetworkLost(lost, controller.signal, { hasNetwork: () => looks[looked++] ?? true, intervalMs: 1 });
  });
  t.is(looked, looks.length);
});
