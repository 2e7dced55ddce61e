/**
 * Before each start of etcd: carries out what the operator ordered, and brings a member without data into a cluster. The
 * decisions are `join.ts`'s; here the others are asked and the steps done.
 *
 * Guarantees: a member with data starts at once, whatever the others do. One without waits as long as it must, and says why
 * in the log: each reason at once, and then now and then.
 */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../api/clock.ts';
import type { Logger } from '../api/logging.ts';
import { EtcdClient, type EtcdCredentials, etcdCredentials, type MemberList } from './client.ts';
import { makeData, putAside, salvageData } from './data.ts';
import { type Greeting, greet, type OwnState, serves, startGreeter } from './greeting.ts';
import { nextJoinStep, type PeerState } from './join.ts';
import { neverHadLeader } from './log.ts';
import {
  comparedWithOthers,
  type EtcdCommand,
  type EtcdMemberConfig,
  type EtcdNow,
  etcdCommand,
  etcdMember,
  hasData,
} from './member.ts';
import { type Order, readOrder, removeOrder } from './order.ts';
import { endProcess } from './settings.ts';

export interface Start {
  /** Asked again while it waits: masters come and go. */
  readonly now: () => EtcdNow;
  readonly logger: Logger;
}

const greetingTimeoutMs = 1_000;
/** A member that starts waits for this at most; one that serves answers in a few milliseconds. */
const servingTimeoutMs = 500;
const callTimeoutMs = 3_000;
const eagerMs = 100;
const patientMs = 1_000;
/** As long the others are asked often: on a first start all come up together. */
const eagerForMs = 5_000;
const repeatReasonMs = 30_000;
/** A master that had no data so long ago, and has not said so since, may have some by now. */
const emptyForMs = 30_000;

/** The command to start etcd with, once it may be started. When the signal is aborted the answer is of no use. */
export async function prepareEtcd(start: Start, signal: AbortSignal): Promise<EtcdCommand> {
  for (;;) {
    const decided = await decideStart(start, signal);
    if (decided) return decided;
  }
}

/** Undefined when the operator has said something new meanwhile, or there are other masters. */
async function decideStart(start: Start, signal: AbortSignal): Promise<EtcdCommand | undefined> {
  const { member } = start.now();
  const dir = dirname(member.dataDir);
  const order = readOrder(dir);
  const alone = member.initialCluster.every(({ name }) => name === member.name);
  if (!order && (alone || hasData(member.dataDir))) return goOn(member);
  if (order) endClients(dir);
  // The cluster that it was to be made with did not come about, and what the others have now is looked at anew.
  else if (neverHadLeader(member.dataDir)) rmSync(member.dataDir, { recursive: true, force: true });
  const meeting = new Meeting(start, order);
  try {
    return order && order.kind !== 'rejoin' ? await meeting.begin(order, signal) : await meeting.join(signal);
  } finally {
    await meeting.close();
  }
}

/**
 * With what it has. Its data is compared with the others' only when all of them serve: members that start together would each wait
 * for the other's answer, which none gives before it has the others' (etcd's request time-out, 6 s for each).
 */
async function goOn(member: EtcdMemberConfig): Promise<EtcdCommand> {
  const { name, initialCluster, pkiDir } = member;
  const tls = etcdCredentials(pkiDir);
  const others = initialCluster.filter((other) => other.name !== name);
  const serving = await Promise.all(others.map(({ peerUrl }) => serves(peerUrl, tls, servingTimeoutMs)));
  const command = etcdMember(member);
  return serving.every(Boolean) ? comparedWithOthers(command) : command;
}

/** The processes of this master that know the data which is about to be replaced: they start again with nothing in mind. */
function endClients(dir: string): void {
  for (const name of ['apiserver', 'scheduler', 'controller-manager']) endProcess(dir, name, 'SIGKILL');
}

class Meeting {
  readonly #start: Start;
  readonly #now: EtcdNow;
  readonly #order: Order | undefined;
  readonly #state: OwnState;
  readonly #tls: EtcdCredentials;
  /** When each of the others was last known to have no data. */
  readonly #emptyAt = new Map<string, number>();
  #wake = (): void => {};
  #stopAnswering: (() => Promise<void>) | undefined;
  /** When each reason to wait was last said. */
  readonly #saidAt = new Map<string, number>();

  constructor(start: Start, order: Order | undefined) {
    this.#start = start;
    this.#now = start.now();
    this.#order = order;
    this.#state = order === undefined ? 'empty' : order.kind === 'rejoin' ? 'rejoining' : 'restoring';
    this.#tls = etcdCredentials(this.#now.member.pkiDir);
  }

  /** Becomes the first member of a new cluster, when no other master has data that would be in its way. */
  async begin(order: Exclude<Order, { kind: 'rejoin' }>, signal: AbortSignal): Promise<EtcdCommand | undefined> {
    const { member } = this.#now;
    const { logger } = this.#start;
    const dir = dirname(member.dataDir);
    for (;;) {
      const inTheWay = inTheWayOfRestore(await this.#greetAll());
      if (signal.aborted) break;
      if (this.#isOutdated) return undefined;
      if (!inTheWay) {
        logger.info({ order: order.kind }, 'making the data of a new cluster');
        if (order.kind === 'recover') await salvageData(member, order.token, signal);
        else await makeData(member, { file: join(dir, order.snapshot), hashed: true, token: order.token });
        break;
      }
      this.#say(inTheWay);
      await sleep(patientMs, signal);
    }
    if (!signal.aborted) {
      removeOrder(dir);
      if (order.kind === 'restore') rmSync(join(dir, order.snapshot), { force: true });
    }
    return etcdCommand(member, 'existing');
  }

  /** Looks and acts until the member may start. */
  async join(signal: AbortSignal): Promise<EtcdCommand | undefined> {
    const { member } = this.#now;
    const { logger } = this.#start;
    const order = this.#order?.kind === 'rejoin' ? this.#order : undefined;
    const startedAt = Date.now();
    let added = false;
    while (!signal.aborted) {
      const peers = await this.#greetAll();
      if (this.#isOutdated) return undefined;
      const agreement = await this.#agreement(peers);
      const { name, initialCluster } = member;
      const agreed = agreement?.list;
      const onlyJoin = order !== undefined;
      const step = nextJoinStep({ name, initialCluster, peers, agreed, added, onlyJoin, givenUp: order?.givenUp });
      // Until there is a cluster to join the order can be taken back, and the data is where it was.
      if (order && step.do !== 'wait') putAside(member.dataDir);
      if (step.do === 'form' || step.do === 'join') {
        removeOrder(dirname(member.dataDir));
        logger.info({ members: agreed?.members.length }, started[step.do]);
        if (step.do === 'form') return etcdCommand(member, 'new');
        return etcdCommand({ ...member, initialCluster: step.cluster }, 'existing');
      }
      const client = agreement?.client;
      let why = step.do === 'wait' ? step.why : undefined;
      try {
        if (step.do === 'remove') {
          await client?.removeMember(step.member.id, callTimeoutMs);
          logger.info({ member: step.member.id }, 'the data of this member is lost: it was taken out of the cluster');
          added = false;
          continue;
        }
        if (step.do === 'add') {
          await client?.addLearner(this.#ownPeerUrl, callTimeoutMs);
          logger.info('this master was added to the cluster as a new member');
          added = true;
          continue;
        }
      } catch (error) {
        why = `the cluster takes no change of its members yet: ${error instanceof Error ? error.message : error}`;
      }
      if (why) this.#say(why);
      await this.#pause(Date.now() - startedAt < eagerForMs ? eagerMs : patientMs, signal);
    }
    return etcdCommand(member, 'existing');
  }

  /** Stops answering, so that etcd can have the port. */
  async close(): Promise<void> {
    await this.#stopAnswering?.();
    this.#stopAnswering = undefined;
  }

  async #greetAll(): Promise<Map<string, PeerState>> {
    await this.#answer();
    const { name, initialCluster } = this.#now.member;
    const own: Greeting = { name, state: this.#state };
    const others = initialCluster.filter((other) => other.name !== name);
    const asked = others.map(async (other): Promise<[string, PeerState]> => {
      const state = await greet(other.peerUrl, own, this.#tls, greetingTimeoutMs);
      // Whoever had no data a moment ago makes the cluster now; of others nobody can tell.
      const unsure = state.kind === 'silent' || state.kind === 'starting';
      if (state.kind === 'empty') this.#emptyAt.set(other.name, Date.now());
      else if (!unsure) this.#emptyAt.delete(other.name);
      const known = this.#emptyAt.get(other.name) ?? Number.NEGATIVE_INFINITY;
      return [other.name, unsure && Date.now() - known < emptyForMs ? { kind: 'empty' } : state];
    });
    return new Map(await Promise.all(asked));
  }

  /** The others' questions are answered, too; where the port is still taken, at the next look. */
  async #answer(): Promise<void> {
    if (this.#stopAnswering) return;
    const { bindAddress: host, peerPort: port } = this.#now.member;
    const asked = ({ name, state }: Greeting): void => {
      if (state !== 'empty') return;
      this.#emptyAt.set(name, Date.now());
      this.#wake();
    };
    const answering = startGreeter({ host, port, tls: this.#tls, state: this.#state, asked });
    this.#stopAnswering = await answering.catch(() => undefined);
  }

  /** The members as a majority agrees, and through whom; undefined while there is none. */
  async #agreement(
    peers: ReadonlyMap<string, PeerState>,
  ): Promise<{ list: MemberList; client: EtcdClient } | undefined> {
    const { member, clientUrls } = this.#now;
    for (const [place, { name }] of member.initialCluster.entries()) {
      if (peers.get(name)?.kind !== 'member') continue;
      const client = new EtcdClient(clientUrls[place] ?? '', this.#tls);
      const list = await client.members(true, callTimeoutMs).catch(() => undefined);
      if (list) return { list, client };
    }
    return undefined;
  }

  get #isOutdated(): boolean {
    const { member } = this.#now;
    if (!isDeepStrictEqual(this.#start.now().member, member)) return true;
    return !isDeepStrictEqual(readOrder(dirname(member.dataDir)), this.#order);
  }

  get #ownPeerUrl(): string {
    const { name, initialCluster } = this.#now.member;
    return initialCluster.find((each) => each.name === name)?.peerUrl ?? '';
  }

  #say(why: string): void {
    const now = Date.now();
    if (now - (this.#saidAt.get(why) ?? Number.NEGATIVE_INFINITY) < repeatReasonMs) return;
    this.#saidAt.set(why, now);
    this.#start.logger.warn({ why }, 'etcd waits');
  }

  /** Ends early when another master has said something new. */
  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    const news = new AbortController();
    this.#wake = () => news.abort();
    await sleep(delayMs, AbortSignal.any([signal, news.signal]));
    this.#wake = () => {};
  }
}

const started = { form: 'making the cluster together with the others', join: 'joining the cluster' };

/** Why a snapshot is not restored now: another master would go on with other data. */
export function inTheWayOfRestore(peers: ReadonlyMap<string, PeerState>): string | undefined {
  for (const [name, { kind }] of peers) {
    if (kind === 'member' || kind === 'starting') {
      return `${name} still has the data of a cluster: tell it to rejoin, or stop it`;
    }
    if (kind === 'restoring') {
      return `${name} is told to restore a snapshot, too: only one master restores, the others join it; cancel one`;
    }
  }
  return undefined;
}
