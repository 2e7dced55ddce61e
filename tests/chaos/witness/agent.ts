/**
 * Runs in a container of its own inside the cluster's network, where no fault reaches it, and tells on standard output, a
 * line of JSON each, what it sees of every master by itself, past the balancer:
 *
 *   belief  that a scheduler or controller manager said of itself, from one moment to another, that it leads
 *   ready   that a master's API server began or ceased to say that it is ready
 *   lease   that a Lease changed hands
 *   parts   what a new leader says of the parts of its takeover
 *   fenced  how many writes of deposed leaders an API server has refused
 *   acted   that a leader did a piece of work: the scheduler judged a pod, the controllers observed a ReplicationController
 *   given   what a master answers, from then on, to the work that it is given for a role
 *
 * The pieces of work are its own: pods that fit on no node, so that nothing is started, and a controller without replicas.
 *
 * It needs nothing but Node and undici, and is given the address of a kubeconfig with a client certificate.
 */
import { readFileSync } from 'node:fs';
import { Agent, Pool, request } from 'undici';
import { parse } from 'yaml';
import type { Message, Role } from './messages.ts';

const masters = ['master-1', 'master-2', 'master-3'];
const ports: Record<Role, number> = { scheduler: 10_251, 'controller-manager': 10_252 };
const lookEveryMs = 40;
const workEveryMs = 60;
const answerWithinMs = 400;
const namespace = 'chaos-witness';
const pods = `/api/v1/namespaces/${namespace}/pods`;
const controllers = `/api/v1/namespaces/${namespace}/replicationcontrollers`;
const nowMs = (): number => performance.timeOrigin + performance.now();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function say(message: Message): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const { users, clusters } = parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const pem = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const tls = {
  ca: pem(clusters[0].cluster['certificate-authority-data']),
  cert: pem(users[0].user['client-certificate-data']),
  key: pem(users[0].user['client-key-data']),
};
const pools = new Map(
  masters.map((master) => [
    master,
    new Pool(`https://${master}:6443`, { connections: 16, headersTimeout: 1_000, connect: { ...tls, timeout: 400 } }),
  ]),
);
const plain = new Agent({ connect: { timeout: answerWithinMs }, headersTimeout: answerWithinMs });

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever an API server answers
  readonly body: any;
}

async function api(
  master: string,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const answer = await pools.get(master)!.request({
    method,
    path,
    headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(1_500),
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, body: text.startsWith('{') ? JSON.parse(text) : text };
}

/** Asks one process all the time whether it leads. */
async function lookAtLeader(role: Role, master: string): Promise<never> {
  let run: { generation: number; fromMs: number; toMs: number; saidMs: number } | undefined;
  const tell = (over: boolean): void => {
    if (run)
      say({ type: 'belief', role, master, generation: run.generation, fromMs: run.fromMs, toMs: run.toMs, over });
  };
  for (;;) {
    const sentMs = nowMs();
    let leads: { isSelf: boolean; generation: number } | undefined;
    try {
      const answer = await request(`http://${master}:${ports[role]}/leader`, {
        dispatcher: plain,
        signal: AbortSignal.timeout(answerWithinMs),
      });
      leads = (await answer.body.json()) as { isSelf: boolean; generation: number };
    } catch {
      leads = undefined;
    }
    if (!leads?.isSelf || (run && run.generation !== leads.generation)) {
      tell(true);
      run = undefined;
    }
    if (leads?.isSelf) {
      if (run) {
        run.toMs = sentMs;
        if (sentMs - run.saidMs > 500) {
          run.saidMs = sentMs;
          tell(false);
        }
      } else {
        run = { generation: leads.generation, fromMs: nowMs(), toMs: sentMs, saidMs: sentMs };
        tell(false);
        setTimeout(() => void tellParts(role, master, leads.generation), 1_000);
      }
    }
    await sleep(lookEveryMs);
  }
}

/** A version that does not tell them has none. */
async function tellParts(role: Role, master: string, generation: number): Promise<void> {
  try {
    const answer = await request(`http://${master}:${ports[role]}/metrics`, { dispatcher: plain });
    const text = await answer.body.text();
    const found = text.matchAll(/^trimaster_takeover_seconds\{.*part="(\w+)".*\} (\S+)/gm);
    const parts = Object.fromEntries([...found].map(([, part, seconds]) => [part, Number(seconds) * 1_000]));
    if (Object.keys(parts).length > 0) say({ type: 'parts', role, generation, parts });
  } catch {
    // It has ended already; its takeover is told by what others saw.
  }
}

async function lookAtReadiness(master: string): Promise<never> {
  for (let before: boolean | undefined; ; await sleep(150)) {
    const ready = await api(master, 'GET', '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    );
    if (ready !== before) say({ type: 'ready', master, ready, atMs: nowMs() });
    before = ready;
  }
}

async function countFencedWrites(master: string): Promise<never> {
  for (let before: number | undefined; ; await sleep(3_000)) {
    const { body } = await api(master, 'GET', '/metrics').catch(() => ({ body: '' }));
    const counts = [...String(body).matchAll(/^trimaster_fenced_writes_total\{.*outcome="refused".*\} (\d+)/gm)];
    if (!String(body).includes('# TYPE trimaster_fenced_writes_total')) continue;
    const count = counts.reduce((sum, [, value]) => sum + Number(value), 0);
    if (count !== before) say({ type: 'fenced', master, count });
    before = count;
  }
}

/** Follows one resource at one master, and begins anew after every break. */
async function follow(
  master: string,
  path: string,
  see: (object: Answer['body'], atMs: number) => void,
): Promise<never> {
  const pool = new Pool(`https://${master}:6443`, {
    connections: 1,
    bodyTimeout: 5_000,
    connect: { ...tls, timeout: 400 },
  });
  for (; ; await sleep(100)) {
    try {
      const signal = AbortSignal.timeout(60_000);
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path: `${path}${path.includes('?') ? '&' : '?'}watch=1`,
        headersTimeout: 1_000,
        signal,
      });
      let rest = '';
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        const atMs = nowMs();
        if (statusCode === 200) for (const line of lines) see(JSON.parse(line).object, atMs);
      }
    } catch {
      // The master is gone or silent; the others tell meanwhile.
    }
  }
}

const acted = new Set<string>();

function sawAction(role: Role, name: string, atMs: number): boolean {
  if (acted.has(`${role} ${name}`)) return false;
  acted.add(`${role} ${name}`);
  say({ type: 'acted', role, name, atMs });
  return true;
}

function sawPod(master: string): (pod: Answer['body'], atMs: number) => void {
  return ({ metadata, status }, atMs) => {
    const judged = status?.conditions?.some(({ type }: { type: string }) => type === 'PodScheduled');
    if (!judged || !sawAction('scheduler', metadata.name, atMs)) return;
    void api(master, 'DELETE', `${pods}/${metadata.name}?gracePeriodSeconds=0`).catch(() => {});
  };
}

function sawController({ status }: Answer['body'], atMs: number): void {
  if (status?.observedGeneration) sawAction('controller-manager', String(status.observedGeneration), atMs);
}

const leases = new Map<string, string>();

function sawLease({ metadata, spec }: Answer['body'], atMs: number): void {
  const role = (['scheduler', 'controller-manager'] as const).find((name) => metadata?.name === `kube-${name}`);
  if (!role || !spec) return;
  const [holder, generation] = [String(spec.holderIdentity ?? ''), Number(spec.leaseTransitions ?? 0)];
  const state = `${role} ${generation} ${holder}`;
  if (leases.has(state)) return;
  leases.set(state, holder);
  say({ type: 'lease', role, holder, generation, acquiredMs: Date.parse(spec.acquireTime), atMs });
}

const inTurn = (turn: number): string => masters[turn % masters.length]!;

/** Asks one master after the other until it is there: those of a cluster that has just come up may not answer at once. */
async function make(path: string, name: string, spec?: unknown): Promise<void> {
  for (let turn = 0; ; turn += 1, await sleep(workEveryMs)) {
    const made = await api(inTurn(turn), 'POST', path, { metadata: { name }, spec }).catch(() => undefined);
    if (made?.status === 201 || made?.status === 409) return;
  }
}

const givenBefore = new Map<string, string>();

/** A master that does not answer costs its own turns only. */
async function give(role: Role, master: string, work: Promise<Answer>): Promise<void> {
  const answer = await work.then(
    ({ status, body }) => (status < 300 ? 'taken' : `${status} ${body?.message ?? body}`),
    (error: Error) => error.message,
  );
  if (givenBefore.get(`${role} ${master}`) === answer) return;
  givenBefore.set(`${role} ${master}`, answer);
  say({ type: 'given', role, master, answer, atMs: nowMs() });
}

/** Gives the leaders something to do, through one master after the other, whoever answers. */
async function giveWork(): Promise<never> {
  const containers = [{ name: 'none', image: 'trimaster/pause:1' }];
  await make('/api/v1/namespaces', namespace);
  const template = { metadata: { labels: { app: 'witness' } }, spec: { containers } };
  await make(controllers, 'witness', { replicas: 0, selector: { app: 'witness' }, template });
  for (let turn = 0; ; turn += 1, await sleep(workEveryMs)) {
    const master = inTurn(turn);
    if (turn % 2 === 0) {
      const spec = { nodeSelector: { 'chaos-witness': 'nowhere' }, containers };
      void give('scheduler', master, api(master, 'POST', pods, { metadata: { name: `work-${turn}` }, spec }));
    } else {
      const spec = { minReadySeconds: 1 + (turn % 1_000) };
      void give('controller-manager', master, api(master, 'PATCH', `${controllers}/witness`, { spec }));
    }
  }
}

process.on('SIGTERM', () => process.exit());
for (const master of masters) {
  for (const role of ['scheduler', 'controller-manager'] as const) void lookAtLeader(role, master);
  void lookAtReadiness(master);
  void countFencedWrites(master);
  void follow(master, pods, sawPod(master));
  void follow(master, controllers, sawController);
  void follow(master, '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases', sawLease);
}
await giveWork();
