import type { LookupAddress } from 'node:dns';
import test from 'ava';
import { Resolver } from '../../../lb/resolver.ts';

const at = (address: string): LookupAddress[] => [{ address, family: 4 }];

function notFound(): Error {
  return Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
}

/** A resolver whose lookups the test answers one by one. */
function controlled() {
  const lookups: PromiseWithResolvers<LookupAddress[]>[] = [];
  const resolver = new Resolver(() => {
    const lookup = Promise.withResolvers<LookupAddress[]>();
    lookups.push(lookup);
    return lookup.promise;
  });
  return { resolver, lookups };
}

test('an address is itself, without a lookup', async (t) => {
  const { resolver, lookups } = controlled();
  t.deepEqual(await resolver.resolve('10.0.0.1'), at('10.0.0.1'));
  t.deepEqual(await resolver.resolve('::1'), [{ address: '::1', family: 6 }]);
  t.is(lookups.length, 0);
});

test('a name is looked up anew each time', async (t) => {
  const { resolver, lookups } = controlled();
  const first = resolver.resolve('master-1');
  lookups[0]?.resolve(at('10.0.0.1'));
  t.deepEqual(await first, at('10.0.0.1'));
  const second = resolver.resolve('master-1');
  lookups[1]?.resolve(at('10.0.0.2'));
  t.deepEqual(await second, at('10.0.0.2'));
});

test('those who ask for a name at the same time share one lookup', async (t) => {
  const { resolver, lookups } = controlled();
  const both = Promise.all([resolver.resolve('master-1'), resolver.resolve('master-1')]);
  lookups[0]?.resolve(at('10.0.0.1'));
  t.deepEqual(await both, [at('10.0.0.1'), at('10.0.0.1')]);
  t.is(lookups.length, 1);
});

test('while a lookup hangs, the address that was found last is used', async (t) => {
  const { resolver, lookups } = controlled();
  const first = resolver.resolve('master-1');
  lookups[0]?.resolve(at('10.0.0.1'));
  await first;
  t.deepEqual(await resolver.resolve('master-1'), at('10.0.0.1'));
  t.is(lookups.length, 2);
});

test('a resolver in trouble leaves the last address in use, a name that is gone does not', async (t) => {
  const { resolver, lookups } = controlled();
  const first = resolver.resolve('master-1');
  lookups[0]?.resolve(at('10.0.0.1'));
  await first;
  const second = resolver.resolve('master-1');
  lookups[1]?.reject(Object.assign(new Error('try again'), { code: 'EAI_AGAIN' }));
  t.deepEqual(await second, at('10.0.0.1'));
  const third = resolver.resolve('master-1');
  lookups[2]?.reject(notFound());
  await t.throwsAsync(third, { code: 'ENOTFOUND' });
});
