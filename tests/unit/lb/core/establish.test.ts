import test from 'ava';
import {
  type EstablishConfig,
  type EstablishEvent,
  type EstablishState,
  nextWake,
  startEstablish,
  step,
} from '../../../../lb/core/establish.ts';

const config: EstablishConfig = {
  hedgeDelayMs: 150,
  connectTimeoutMs: 500,
  answerDelayMs: 250,
  deadlineMs: 5_000,
  roundPauseMs: 100,
  hedgeRetryMs: 25,
};

/** Drives the core, grants each hedge, and writes its effects as short words: `dial a`, `hello a`, `drop a unneeded`, `win a`. */
class Driver {
  state: EstablishState = startEstablish(config, 0);
  now = 0;
  grantsHedges = true;
  readonly #names = new Map<number, string>();

  start(...order: string[]): string[] {
    return this.send({ type: 'candidates', order });
  }

  send(event: EstablishEvent): string[] {
    const { state, effects } = step(this.state, event, this.now);
    this.state = state;
    return effects.flatMap((effect) => {
      switch (effect.type) {
        case 'dial':
          this.#names.set(effect.id, effect.backend);
          return `dial ${effect.backend}`;
        case 'send-hello':
          return `hello ${this.#names.get(effect.id)}`;
        case 'abandon':
          return `drop ${this.#names.get(effect.id)} ${effect.reason}`;
        case 'slow':
          return `slow ${effect.backend} ${effect.cause}`;
        case 'may-hedge': {
          const { id, backend, cause } = effect;
          return [`slow ${backend} ${cause}`, ...this.send({ type: 'hedge', id, granted: this.grantsHedges })];
        }
        case 'win':
          return `win ${effect.backend}`;
        default:
          return effect.type;
      }
    });
  }

  connected(name: string): string[] {
    return this.send({ type: 'connected', id: this.#id(name) });
  }

  failed(name: string): string[] {
    return this.send({ type: 'failed', id: this.#id(name) });
  }

  answered(name: string): string[] {
    return this.send({ type: 'answered', id: this.#id(name) });
  }

  hello(): string[] {
    return this.send({ type: 'hello', replayable: true });
  }

  wake(): string[] {
    this.now = nextWake(this.state) ?? Number.NaN;
    return this.send({ type: 'wake' });
  }

  /** The latest attempt at that backend. */
  #id(name: string): number {
    const ids = [...this.#names].filter(([, backend]) => backend === name);
    return ids.at(-1)?.[0] ?? Number.NaN;
  }
}

test('the way it mostly goes: dial, hello, answer', (t) => {
  const driver = new Driver();
  t.deepEqual(driver.start('a', 'b', 'c'), ['dial a']);
  t.deepEqual(driver.connected('a'), []);
  t.deepEqual(driver.hello(), ['hello a']);
  t.deepEqual(driver.answered('a'), ['win a']);
  t.is(nextWake(driver.state), undefined);
});

test('without a connection the next backend is dialled beside, and the first to connect gets the hello', (t) => {
  const driver = new Driver();
  driver.start('a', 'b', 'c');
  driver.hello();
  t.deepEqual(driver.wake(), ['slow a connect', 'dial b']);
  t.is(driver.now, 150);
  t.deepEqual(driver.connected('b'), ['drop a unneeded', 'hello b']);
  t.deepEqual(driver.answered('b'), ['win b']);
});

test('three silent addresses are all tried, one hedge delay apart', (t) => {
  const driver = new Driver();
  driver.start('a', 'b', 'c');
  driver.wake();
  t.deepEqual(driver.wake(), ['slow b connect', 'dial c']);
  t.is(driver.now, 300);
});

test('a backend that refuses is replaced at once', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  t.deepEqual(driver.failed('a'), ['dial b']);
});

test('a dial that another one was called in for is not replaced a second time when it fails', (t) => {
  const driver = new Driver();
  driver.start('a', 'b', 'c');
  driver.wake();
  t.deepEqual(driver.failed('a'), []);
  t.deepEqual(driver.failed('b'), ['dial c']);
});

test('a dial that takes the connect time-out has failed', (t) => {
  const driver = new Driver();
  driver.start('a');
  driver.wake();
  // Nobody is left to call in, but that may change.
  t.deepEqual(driver.wake(), ['rank']);
  t.deepEqual(driver.wake(), ['drop a connect-timeout']);
  t.is(driver.now, 500);
});

test('a hello without an answer goes to the next backend too, and the first to answer wins', (t) => {
  const driver = new Driver();
  driver.start('a', 'b', 'c');
  driver.connected('a');
  driver.hello();
  t.deepEqual(driver.wake(), ['slow a answer', 'dial b']);
  t.is(driver.now, 250);
  t.deepEqual(driver.connected('b'), ['hello b']);
  t.deepEqual(driver.answered('b'), ['drop a no-answer', 'win b']);
});

test('a slow backend that answers after all wins, and the other is not blamed', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  driver.connected('a');
  driver.hello();
  driver.wake();
  driver.connected('b');
  t.deepEqual(driver.answered('a'), ['drop b unneeded', 'win a']);
});

test('each further copy of a hello waits twice as long', (t) => {
  const driver = new Driver();
  driver.start('a', 'b', 'c');
  driver.connected('a');
  driver.hello();
  driver.wake();
  driver.connected('b');
  t.deepEqual(driver.wake(), ['slow b answer', 'dial c']);
  t.is(driver.now, 750);
});

test('a second try that is refused is asked for again, and the first may answer meanwhile', (t) => {
  const driver = new Driver();
  driver.grantsHedges = false;
  driver.start('a', 'b');
  driver.connected('a');
  driver.hello();
  t.deepEqual(driver.wake(), ['slow a answer']);
  t.is(driver.now, 250);
  t.deepEqual(driver.wake(), ['slow a answer']);
  t.is(driver.now, 275);
  driver.grantsHedges = true;
  t.deepEqual(driver.wake(), ['slow a answer', 'dial b']);
  t.is(driver.now, 300);
  t.deepEqual(driver.answered('a'), ['drop b unneeded', 'win a']);
});

test('bytes that are no hello go to the first connection, which has then won', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  t.deepEqual(driver.send({ type: 'hello', replayable: false }), []);
  driver.wake();
  t.deepEqual(driver.connected('b'), ['drop a unneeded', 'win b']);
});

test('a backend that speaks first wins without a hello', (t) => {
  const driver = new Driver();
  driver.start('a');
  driver.connected('a');
  t.deepEqual(driver.answered('a'), ['win a']);
});

test('a client that says nothing is waited for without a limit, and its connection is replaced when lost', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  driver.connected('a');
  t.is(nextWake(driver.state), undefined);
  driver.now = 60_000;
  t.deepEqual(driver.failed('a'), ['dial b']);
  driver.connected('b');
  t.deepEqual(driver.hello(), ['hello b']);
});

test('when all have failed they are ranked and tried again, until the deadline', (t) => {
  const driver = new Driver();
  driver.start('a');
  let rounds = 0;
  for (;;) {
    const effects = driver.failed('a');
    if (effects.includes('give-up')) break;
    t.deepEqual(driver.wake(), ['rank']);
    driver.start('a');
    rounds++;
  }
  t.is(rounds, 49);
  t.is(driver.now, 4_900);
});

test('when all accept and nobody answers, the client stays with the first from the deadline on', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  driver.connected('a');
  driver.hello();
  driver.wake();
  driver.connected('b');
  let effects: string[] = [];
  while (!effects.includes('win a')) {
    effects = driver.wake();
    if (effects.includes('rank')) driver.start('a', 'b');
  }
  t.is(driver.now, 5_000);
});

test('with one backend paused and the other gone, the other is tried again while the first is waited for', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  driver.connected('a');
  driver.hello();
  driver.wake();
  driver.failed('b');
  t.deepEqual(driver.wake(), ['rank']);
  t.deepEqual(driver.start('a', 'b'), ['dial b']);
});

test('nothing happens after the end', (t) => {
  const driver = new Driver();
  driver.start('a', 'b');
  driver.connected('a');
  driver.hello();
  driver.answered('a');
  t.deepEqual([...driver.answered('a'), ...driver.failed('a'), ...driver.send({ type: 'wake' })], []);
});
