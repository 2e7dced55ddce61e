import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { AttemptFailed, AttemptUnneeded, Breaker, BrokenCircuitError } from '../../../lb/breaker.ts';

function breaker() {
  const events: string[] = [];
  return {
    events,
    breaker: new Breaker({ opened: (ms) => events.push(`open ${ms}`), closed: () => events.push('closed') }),
  };
}

const fail = () => Promise.reject(new AttemptFailed('refused'));
const succeed = () => Promise.resolve();

test('three failed attempts in a row open the breaker, and it lets nothing through', async (t) => {
  const { breaker: one, events } = breaker();
  for (let i = 0; i < 3; i++) await t.throwsAsync(one.execute(fail), { instanceOf: AttemptFailed });
  t.deepEqual(events, ['open 250']);
  await t.throwsAsync(
    one.execute(() => {
      t.fail('begun');
      return Promise.resolve();
    }),
    { instanceOf: BrokenCircuitError },
  );
});

test('a success between failures keeps it closed', async (t) => {
  const { breaker: one, events } = breaker();
  for (const attempt of [fail, fail, succeed, fail, fail]) await one.execute(attempt).catch(() => {});
  t.deepEqual(events, []);
});

test('attempts that nobody needed any more say nothing about the backend', async (t) => {
  const { breaker: one, events } = breaker();
  const unneeded = () => Promise.reject(new AttemptUnneeded());
  for (let i = 0; i < 5; i++) await t.throwsAsync(one.execute(unneeded), { instanceOf: AttemptUnneeded });
  t.deepEqual(events, []);
});

test('after its time one attempt is let through: a failure opens it for twice as long, a success closes it', async (t) => {
  const { breaker: one, events } = breaker();
  for (let i = 0; i < 3; i++) await one.execute(fail).catch(() => {});
  await setTimeout(260);
  await t.throwsAsync(one.execute(fail), { instanceOf: AttemptFailed });
  await setTimeout(510);
  await one.execute(succeed);
  t.deepEqual(events, ['open 250', 'open 500', 'closed']);
});

test('reset forgets all failures', async (t) => {
  const { breaker: one, events } = breaker();
  for (let i = 0; i < 3; i++) await one.execute(fail).catch(() => {});
  one.reset();
  await one.execute(succeed);
  t.deepEqual(events, ['open 250', 'closed']);
});
