import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { getPriority, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { lines, type ProcessSpec, ProcessSupervisor } from '../../../master/api/process-supervisor.ts';

const silent = { info() {}, warn() {} };

/** A process made of one shell script. */
const script = (name: string, text: string, more: Partial<ProcessSpec> = {}): ProcessSpec => ({
  name,
  command: '/bin/sh',
  args: ['-c', text],
  ...more,
});

/** Collects output, and lets a test wait until a text has been seen so many times. */
function collector(): {
  output: (text: string) => void;
  text: () => string;
  seen: (part: string, times?: number) => Promise<void>;
} {
  let all = '';
  let check = (): void => {};
  return {
    output: (text) => {
      all += text;
      check();
    },
    text: () => all,
    seen: (part, times = 1) =>
      new Promise((resolve) => {
        check = () => {
          if (all.split(part).length > times) resolve();
        };
        check();
      }),
  };
}

test('every line carries the name of its process, also when it arrives in pieces', (t) => {
  const out: string[] = [];
  const take = lines('etcd', (text) => out.push(text));
  take('first li');
  take('ne\nsecond\nthi');
  take('rd\n');
  t.is(out.join(''), '[etcd] first line\n[etcd] second\n[etcd] third\n');
});

test('a line that never ends does not fill the memory', (t) => {
  const out: string[] = [];
  const take = lines('a', (text) => out.push(text));
  take('x'.repeat(70_000));
  t.is(out.length, 1);
});

test('a process that ends is started again, with a delay that doubles', async (t) => {
  const end = new AbortController();
  const out = collector();
  const delays: unknown[] = [];
  const logger = {
    info() {},
    warn(details: object) {
      delays.push('restartInMs' in details ? details.restartInMs : undefined);
    },
  };
  const supervisor = new ProcessSupervisor({ logger, baseDelayMs: 1, maxDelayMs: 4, output: out.output });
  const running = supervisor.run([script('a', 'echo run; exit 3')], end.signal);
  await out.seen('[a] run', 5);
  end.abort();
  await running;
  t.deepEqual(delays.slice(0, 4), [1, 2, 4, 4]);
});

test('a process that has run for a while is started again after the first delay', async (t) => {
  const end = new AbortController();
  const out = collector();
  const delays: unknown[] = [];
  const logger = {
    info() {},
    warn(details: object) {
      delays.push('restartInMs' in details ? details.restartInMs : undefined);
    },
  };
  const supervisor = new ProcessSupervisor({ logger, baseDelayMs: 1, steadyAfterMs: 0, output: out.output });
  const running = supervisor.run([script('a', 'echo run')], end.signal);
  await out.seen('[a] run', 4);
  end.abort();
  await running;
  t.deepEqual(delays.slice(0, 3), [1, 1, 1]);
});

test('a command that is not there is reported and tried again', async (t) => {
  const end = new AbortController();
  let failures = 0;
  const failed = new Promise<void>((resolve) => {
    const logger = {
      info() {},
      warn(details: object) {
        if ('error' in details) failures += 1;
        if (failures === 2) resolve();
      },
    };
    const supervisor = new ProcessSupervisor({ logger, baseDelayMs: 1 });
    const running = supervisor.run([{ name: 'a', command: '/nowhere/at/all', args: [] }], end.signal);
    t.teardown(async () => {
      end.abort();
      await running;
    });
  });
  await failed;
  t.is(failures, 2);
});

test('processes stop in reverse order, and those of one level together', async (t) => {
  const end = new AbortController();
  const out = collector();
  const supervisor = new ProcessSupervisor({ logger: silent, output: out.output });
  const waiting = (name: string): string =>
    `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done # ${name}`;
  const running = supervisor.run(
    [
      script('etcd', waiting('etcd'), { stopLevel: 0 }),
      script('apiserver', waiting('apiserver'), { stopLevel: 1 }),
      script('scheduler', waiting('scheduler'), { stopLevel: 2 }),
      script('controllers', waiting('controllers'), { stopLevel: 2 }),
    ],
    end.signal,
  );
  await out.seen('up', 4);
  end.abort();
  await running;
  const ended = out
    .text()
    .split('\n')
    .filter((line) => line.endsWith('bye'));
  t.deepEqual(ended.slice(0, 2).sort(), ['[controllers] bye', '[scheduler] bye']);
  t.deepEqual(ended.slice(2), ['[apiserver] bye', '[etcd] bye']);
});

test('a process that does not heed SIGTERM is killed after the grace', async (t) => {
  const end = new AbortController();
  const out = collector();
  const supervisor = new ProcessSupervisor({ logger: silent, graceMs: 20, output: out.output });
  const running = supervisor.run(
    [script('a', "trap '' TERM; echo up; while :; do read x < /dev/null; done")],
    end.signal,
  );
  await out.seen('up');
  end.abort();
  await running;
  t.pass();
});

test('the process id is on disk while the process runs', async (t) => {
  const end = new AbortController();
  const out = collector();
  const pidDir = join(mkdtempSync(join(tmpdir(), 'supervisor-')), 'run');
  const supervisor = new ProcessSupervisor({ logger: silent, pidDir, output: out.output });
  const running = supervisor.run([script('a', 'echo "pid=$$"; exec sleep 60')], end.signal);
  await out.seen('pid=');
  const pid = readFileSync(join(pidDir, 'a.pid'), 'utf8').trim();
  t.true(out.text().includes(`pid=${pid}\n`));
  end.abort();
  await running;
  t.false(existsSync(join(pidDir, 'a.pid')));
});

test('two processes of one name are refused', async (t) => {
  const supervisor = new ProcessSupervisor({ logger: silent });
  const twice = [script('a', 'exit'), script('a', 'exit')];
  await t.throwsAsync(supervisor.run(twice, AbortSignal.abort()), { message: /same name/ });
});

test('it says when a process is ready for the first time', async (t) => {
  const end = new AbortController();
  const ready = new Promise<object>((resolve) => {
    const logger = {
      info(details: object, message: string) {
        if (message === 'ready') resolve(details);
      },
      warn() {},
    };
    let asked = 0;
    const supervisor = new ProcessSupervisor({ logger });
    const spec = script('a', 'exec sleep 60', { ready: async () => ++asked > 1 });
    const running = supervisor.run([spec], end.signal);
    t.teardown(() => running);
  });
  const details = await ready;
  end.abort();
  t.like(details, { process: 'a' });
});

test('what a process is started with is decided anew before each start, and a decision that fails is made again', async (t) => {
  const end = new AbortController();
  const out = collector();
  const answers = ['one', undefined, 'two'];
  const supervisor = new ProcessSupervisor({ logger: silent, output: out.output, baseDelayMs: 1, maxDelayMs: 1 });
  const prepare: ProcessSpec['prepare'] = async () => {
    if (answers.length === 0) return { command: 'sleep', args: ['60'] };
    const answer = answers.shift();
    if (!answer) throw new Error('not now');
    return { command: 'echo', args: [answer] };
  };
  const running = supervisor.run([script('a', 'echo never', { prepare })], end.signal);
  await out.seen('[a] two');
  end.abort();
  await running;
  t.is(out.text(), '[a] one\n[a] two\n');
});

test('a stop does not wait for a decision about a start that is still open', async (t) => {
  const end = new AbortController();
  const asked = Promise.withResolvers<void>();
  const prepare: ProcessSpec['prepare'] = (signal) => {
    asked.resolve();
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ command: 'echo', args: ['too late'] }));
    });
  };
  const out = collector();
  const supervisor = new ProcessSupervisor({ logger: silent, output: out.output });
  const running = supervisor.run([script('a', '', { prepare })], end.signal);
  await asked.promise;
  end.abort();
  await running;
  t.is(out.text(), '');
});

test('a process that crashed is cleaned up after before it is started again, one that was stopped is not', async (t) => {
  const end = new AbortController();
  const out = collector();
  const order: string[] = [];
  let ends = 0;
  const crashes = script('a', 'echo run; exit 3', {
    async afterCrash() {
      order.push(`run ${out.text().split('[a] run').length - 1}`);
      ends += 1;
      if (ends === 2) throw new Error('a failure keeps nothing from starting');
      return { ends };
    },
  });
  const stays = script('b', 'echo up; exec sleep 60', {
    async afterCrash() {
      order.push('stopped');
      return undefined;
    },
  });
  const supervisor = new ProcessSupervisor({ logger: silent, baseDelayMs: 1, maxDelayMs: 1, output: out.output });
  const running = supervisor.run([crashes, stays], end.signal);
  await out.seen('[a] run', 3);
  await out.seen('[b] up');
  end.abort();
  await running;
  t.deepEqual(order.slice(0, 2), ['run 1', 'run 2']);
  t.false(order.includes('stopped'));
});

test('what is to be done before a process stops is done when its turn comes, and if it fails it stops all the same', async (t) => {
  const end = new AbortController();
  const out = collector();
  const done: string[] = [];
  const supervisor = new ProcessSupervisor({ logger: silent, output: out.output });
  const trapped = (name: string): string =>
    `trap 'echo ${name} stopped; exit 0' TERM; echo up; while :; do sleep 0.05; done`;
  const beforeStop = async () => {
    done.push(out.text());
    throw new Error('in vain');
  };
  const running = supervisor.run([script('a', trapped('a'), { beforeStop }), script('b', trapped('b'))], end.signal);
  await out.seen('[a] up');
  await out.seen('[b] up');
  t.deepEqual(done, []);
  end.abort();
  await running;
  t.is(done.length, 1);
  t.regex(done[0] ?? '', /b stopped/, 'the other one has stopped by then');
  t.notRegex(done[0] ?? '', /a stopped/);
  t.regex(out.text(), /a stopped/);
});

test('a process that goes before others does so with all its threads where that is allowed, and the supervisor stays as it is', async (t) => {
  const end = new AbortController();
  const out = collector();
  const supervisor = new ProcessSupervisor({ logger: silent, output: out.output });
  const own = getPriority();
  const allowed = mayGoFirst(own);
  // The 19th field of proc_pid_stat(5), of a child of the process: what it inherited.
  const running = supervisor.run(
    [script('a', 'cut -d" " -f19 /proc/self/stat; sleep 60', { niceness: own - 1 })],
    end.signal,
  );
  await out.seen(`[a] ${allowed ? own - 1 : own}\n`);
  t.is(getPriority(), own);
  end.abort();
  await running;
});

function mayGoFirst(own: number): boolean {
  try {
    setPriority(own - 1);
    setPriority(own);
    return true;
  } catch {
    return false;
  }
}
