import test from 'ava';
import { createPool, nextWake, step } from '../../../../lb/core/pool.ts';
import type { CheckFailure, PoolConfig, PoolEffect, PoolEvent, PoolState } from '../../../../lb/core/pool-state.ts';

const config: PoolConfig = {
  checkIntervalMs: 1_000,
  checkTimeoutMs: 400,
  suspectTimeoutMs: 300,
  recheckMs: 50,
  fall: 2,
  rise: 2,
  slowStartMs: 10_000,
  random: () => 0,
};

/** Drives the core with a clock of its own, and remembers the effects. */
class Driver {
  state: PoolState;
  now = 0;
  effects: PoolEffect[] = [];

  constructor(names = ['a', 'b'], overrides: Partial<PoolConfig> = {}) {
    const backends = names.map((name) => ({ name, host: name, port: 6443 }));
    this.state = createPool({ ...config, ...overrides }, backends, 0);
  }

  send(event: PoolEvent): PoolEffect[] {
    const { state, effects } = step(this.state, event, this.now);
    this.state = state;
    this.effects = [...effects];
    return this.effects;
  }

  /** Moves the clock to the next wake-up and gives the checks that start then. */
  wake(): (PoolEffect & { type: 'check' })[] {
    this.now = Math.max(this.now, nextWake(this.state) ?? this.now);
    return this.send({ type: 'wake' }).filter((effect) => effect.type === 'check');
  }

  backend(name: string) {
    const found = this.state.backends.find((backend) => backend.name === name);
    if (found === undefined) throw new Error(`no backend ${name}`);
    return found;
  }

  health(name: string): string {
    return this.backend(name).health.kind;
  }

  /** The one check of the backend that is running. */
  running(name: string): number {
    return this.backend(name).checks[0]?.id ?? Number.NaN;
  }

  pass(name: string): PoolEffect[] {
    return this.send({ type: 'check-passed', id: this.running(name) });
  }

  fail(name: string, failure: CheckFailure = 'unready'): PoolEffect[] {
    return this.send({ type: 'check-failed', id: this.running(name), failure, detail: 'because' });
  }

  allUp(): this {
    this.wake();
    for (const { name } of this.state.backends) this.pass(name);
    return this;
  }
}

test('all backends are checked at once at the start, over new connections', (t) => {
  const driver = new Driver();
  const checks = driver.wake();
  t.deepEqual(
    checks.map(({ backend, fresh, timeoutMs }) => [backend.name, fresh, timeoutMs]),
    [
      ['a', true, 400],
      ['b', true, 400],
    ],
  );
});

test('one pass makes a new backend up, one failure makes it down', (t) => {
  const driver = new Driver();
  driver.wake();
  driver.pass('a');
  driver.fail('b', 'refused');
  t.deepEqual([driver.health('a'), driver.health('b')], ['up', 'down']);
});

test('a backend that is up is checked again after the interval, and early by the jitter at most', (t) => {
  for (const [random, at] of [
    [0, 1_000],
    [1, 900],
  ] as const) {
    const driver = new Driver(['a'], { random: () => random }).allUp();
    t.is(nextWake(driver.state), at);
  }
});

test('the first failure makes a backend suspect and checks it again soon over a new connection; the second takes it down', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.wake();
  driver.fail('a');
  t.is(driver.health('a'), 'suspect');
  const [again] = driver.wake();
  t.is(driver.now, 1_050);
  t.true(again?.fresh);
  driver.fail('a');
  t.is(driver.health('a'), 'down');
});

test('a suspect that passes is up again', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.wake();
  driver.fail('a');
  driver.wake();
  driver.pass('a');
  t.is(driver.health('a'), 'up');
});

test('a silent backend is down one time-out after its check began, confirmed by a second connection', (t) => {
  const driver = new Driver(['a']).allUp();
  const [first] = driver.wake();
  const begun = driver.now;
  const [second] = driver.wake();
  t.is(driver.now, begun + 200);
  t.like(second, { fresh: true, timeoutMs: 200 });
  driver.now = begun + 400;
  driver.send({ type: 'check-failed', id: first?.id ?? 0, failure: 'silent', detail: '' });
  driver.send({ type: 'check-failed', id: second?.id ?? 0, failure: 'silent', detail: '' });
  t.is(driver.health('a'), 'down');
});

test('when the second look passes, the slow first one is cancelled and the backend stays up', (t) => {
  const driver = new Driver(['a']).allUp();
  const [first] = driver.wake();
  const [second] = driver.wake();
  const effects = driver.send({ type: 'check-passed', id: second?.id ?? 0 });
  t.deepEqual(effects, [{ type: 'cancel-check', id: first?.id ?? 0 }]);
  t.is(driver.health('a'), 'up');
  driver.send({ type: 'check-failed', id: first?.id ?? 0, failure: 'silent', detail: 'too late' });
  t.is(driver.health('a'), 'up');
});

test('a backend that was down comes back after as many passes as asked for, and with a new breaker', (t) => {
  const driver = new Driver(['a']);
  driver.wake();
  driver.fail('a');
  driver.wake();
  driver.pass('a');
  t.is(driver.health('a'), 'down');
  driver.wake();
  t.deepEqual(
    driver.pass('a').map(({ type }) => type),
    ['health-changed', 'reset-breaker'],
  );
  t.is(driver.health('a'), 'up');
});

test('connections to a backend that is down because it refuses are closed, whatever the others are', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.send({ type: 'connection-opened', backend: 'a' });
  driver.wake();
  driver.fail('a', 'refused');
  driver.wake();
  t.like(driver.fail('a', 'refused').at(-1), { type: 'close-connections', backend: 'a' });
});

test('connections to a silent backend are closed at once if another is up, else when it is silent once more', (t) => {
  for (const [names, closedAt] of [
    [['a', 'b'], 2],
    [['a'], 3],
  ] as const) {
    const driver = new Driver([...names]).allUp();
    driver.send({ type: 'connection-opened', backend: 'a' });
    let failures = 0;
    for (let closed = false; !closed; failures++) {
      driver.now = Math.max(driver.now, driver.backend('a').nextCheckAt);
      driver.send({ type: 'wake' });
      closed = driver.fail('a', 'silent').some(({ type }) => type === 'close-connections');
    }
    t.is(failures, closedAt);
  }
});

test('a check that a bad sign asked for has less time', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.now = 500;
  const [check] = driver.send({ type: 'suspicion', backend: 'a', weight: 'hint' });
  t.like(check, { type: 'check', fresh: false, timeoutMs: 300 });
  const [second] = driver.wake();
  t.is(driver.now, 650);
  t.like(second, { fresh: true, timeoutMs: 150 });
  driver.pass('a');
  t.is(driver.wake()[0]?.timeoutMs, 400);
});

test('silence is not believed while the traffic hears from the backend, but only a few times', (t) => {
  const driver = new Driver(['a', 'b']).allUp();
  let believed = 0;
  for (let excused = 0; believed === 0; excused++) {
    driver.now = driver.backend('a').nextCheckAt;
    driver.send({ type: 'wake' });
    driver.now += 400;
    const id = driver.running('a');
    driver.send({ type: 'check-failed', id, failure: 'silent', detail: '', heardAt: driver.now - 199 });
    if (driver.health('a') !== 'up') believed = excused;
  }
  t.is(believed, 3);
});

test('silence is believed when the traffic has not heard from the backend for half the time of the check', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.wake();
  const id = driver.running('a');
  driver.now += 400;
  driver.send({ type: 'check-failed', id, failure: 'silent', detail: '', heardAt: driver.now - 200 });
  t.is(driver.health('a'), 'suspect');
});

test('only a backend that was down before counts as returned', (t) => {
  const driver = new Driver(['a', 'b']);
  driver.wake();
  driver.pass('a');
  driver.fail('b');
  for (let i = 0; i < 2; i++) {
    driver.now = driver.backend('b').nextCheckAt;
    driver.send({ type: 'wake' });
    driver.pass('b');
  }
  t.is(driver.backend('a').returnedAt, Number.NEGATIVE_INFINITY);
  t.is(driver.backend('b').returnedAt, driver.now);
});

test('connections to an unready backend are closed only when another is up, or as soon as one is', (t) => {
  const driver = new Driver(['a', 'b']);
  driver.wake();
  driver.pass('a');
  driver.fail('b');
  driver.send({ type: 'connection-opened', backend: 'a' });
  driver.now = 1_000;
  driver.send({ type: 'wake' });
  driver.fail('a');
  driver.now = 1_050;
  driver.send({ type: 'wake' });
  t.false(driver.fail('a').some(({ type }) => type === 'close-connections'));
  driver.pass('b');
  driver.now = 1_200;
  driver.send({ type: 'wake' });
  t.like(driver.pass('b').at(-1), { type: 'close-connections', backend: 'a' });
});

test('bad signs from the traffic check the backend at once, but not more often than every recheck time', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.now = 500;
  const effects = driver.send({ type: 'suspicion', backend: 'a', weight: 'failure' });
  t.true(effects.some(({ type }) => type === 'check'));
  t.is(driver.health('a'), 'suspect');
  driver.pass('a');
  driver.now = 510;
  t.false(driver.send({ type: 'suspicion', backend: 'a', weight: 'failure' }).some(({ type }) => type === 'check'));
  t.is(nextWake(driver.state), 550);
});

test('a hint checks the backend and leaves its health alone', (t) => {
  const driver = new Driver(['a']).allUp();
  driver.now = 500;
  t.is(driver.send({ type: 'suspicion', backend: 'a', weight: 'hint' }).length, 1);
  t.is(driver.health('a'), 'up');
});

test('a changed set keeps what is known, checks what is new and closes what is gone', (t) => {
  const driver = new Driver(['a', 'b']).allUp();
  const [a] = driver.state.backends;
  const effects = driver.send({
    type: 'backends',
    backends: [
      { name: 'a', host: 'a', port: 6443 },
      { name: 'c', host: 'c', port: 6443 },
    ],
  });
  t.deepEqual(
    effects.map(({ type }) => type),
    ['close-connections', 'check'],
  );
  t.is(driver.state.backends[0], a);
  t.is(driver.health('c'), 'unknown');
});

test('events of a backend that is not in the set change nothing', (t) => {
  const driver = new Driver(['a']).allUp();
  const before = driver.state;
  for (const type of ['connection-opened', 'connection-closed', 'breaker-closed'] as const) {
    t.deepEqual(driver.send({ type, backend: 'gone' }), []);
  }
  t.deepEqual(driver.send({ type: 'suspicion', backend: 'gone', weight: 'failure' }), []);
  t.deepEqual(driver.state, before);
});

test('settings that cannot work are refused', (t) => {
  t.throws(() => new Driver(['a', 'a']), { message: 'backend "a" is given twice' });
  t.throws(() => new Driver(['a'], { checkTimeoutMs: 0 }));
  t.throws(() => new Driver(['a'], { fall: 0 }));
});
