/**
 * etcd's administration, as the master that keeps a member needs it: members, alarms, status, snapshots.
 *
 * It speaks etcd's JSON gateway with Node's own HTTPS, because it runs inside the supervisor, which must stay small: the
 * library of the API server's store would add 30 MB to every master. One call goes to one member, has a deadline, and is never
 * repeated here.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface EtcdCredentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificate with which a master speaks to members: clients and peers have the same authority. */
export function etcdCredentials(pkiDir: string): EtcdCredentials {
  const file = (name: string): Buffer => readFileSync(join(pkiDir, name));
  return { ca: file('etcd/ca.crt'), cert: file('etcd/peer.crt'), key: file('etcd/peer.key') };
}

/** A member refused a request, with etcd's own words; a member that does not answer is another Error. */
export class EtcdRefusal extends Error {
  override readonly name = 'EtcdRefusal';
}

/** As the cluster lists it. A member that was added and never ran has no client URLs. Ids are too long for numbers. */
export interface ListedMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MemberList {
  readonly clusterId: string;
  readonly members: readonly ListedMember[];
}

export interface MemberStatus {
  readonly clusterId: string;
  readonly memberId: string;
  /** '0' while there is none. */
  readonly leaderId: string;
  readonly isLearner: boolean;
  readonly revision: number;
  readonly dbSize: number;
  readonly dbSizeInUse: number;
  readonly alarms: readonly Alarm[];
}

export interface Alarm {
  readonly memberId: string;
  readonly type: string;
}

/** Snapshots and defragmentation of gigabytes take their time; everything else is small. */
const longCallMs = 10 * 60_000;

export class EtcdClient {
  readonly url: string;
  readonly #credentials: EtcdCredentials;

  constructor(url: string, credentials: EtcdCredentials) {
    this.url = url;
    this.#credentials = credentials;
  }

  /** A client of another member, as the same master. */
  at(url: string): EtcdClient {
    return new EtcdClient(url, this.#credentials);
  }

  /** The members. With `agreed` a majority stands behind the answer, otherwise it is what this member knows. */
  async members(agreed: boolean, timeoutMs: number): Promise<MemberList> {
    const answer = await this.#call('/v3/cluster/member/list', { linearizable: agreed }, timeoutMs);
    return memberList(answer);
  }

  /** Adds a member that does not vote yet. */
  async addLearner(peerUrl: string, timeoutMs: number): Promise<void> {
    await this.#call('/v3/cluster/member/add', { peerURLs: [peerUrl], isLearner: true }, timeoutMs);
  }

  async removeMember(id: string, timeoutMs: number): Promise<void> {
    await this.#call('/v3/cluster/member/remove', { ID: id }, timeoutMs);
  }

  /** Lets a learner vote. Refused while it has not caught up. */
  async promote(id: string, timeoutMs: number): Promise<void> {
    await this.#call('/v3/cluster/member/promote', { ID: id }, timeoutMs);
    // Members write how far the log is decided with the next entry only. Were all stopped before it, and the leader's data lost, the
    // others would not know that they are a majority. This entry deletes what is not there: nothing is changed, and nobody is told.
    await this.#call('/v3/kv/deleterange', { key: Buffer.from('trimaster/nothing').toString('base64') }, timeoutMs);
  }

  async status(timeoutMs: number): Promise<MemberStatus> {
    const answer = await this.#call('/v3/maintenance/status', {}, timeoutMs);
    const header = field(answer, 'header');
    return {
      clusterId: text(header, 'cluster_id'),
      memberId: text(header, 'member_id'),
      leaderId: text(answer, 'leader') || '0',
      isLearner: field(answer, 'isLearner') === true,
      revision: Number(text(header, 'revision')),
      dbSize: Number(text(answer, 'dbSize')),
      dbSizeInUse: Number(text(answer, 'dbSizeInUse')),
      // Here they cost nothing; asked for by themselves they would be a write each time.
      alarms: texts(answer, 'errors').flatMap(alarmOf),
    };
  }

  /** What the member counts, in Prometheus' text form. */
  async metrics(timeoutMs: number): Promise<string> {
    const signal = AbortSignal.timeout(timeoutMs);
    return wholeText(await ask(new URL('/metrics', this.url), this.#credentials, { signal }));
  }

  async disarm({ memberId, type }: Alarm, timeoutMs: number): Promise<void> {
    await this.#call('/v3/maintenance/alarm', { action: 'DEACTIVATE', memberID: memberId, alarm: type }, timeoutMs);
  }

  /** Has etcd forget everything before the revision, and waits until that is done on disk. */
  async compact(revision: number): Promise<void> {
    await this.#call('/v3/kv/compaction', { revision: String(revision), physical: true }, longCallMs);
  }

  /** Gives the space of what was forgotten back. The member answers nothing else meanwhile. */
  async defragment(): Promise<void> {
    await this.#call('/v3/maintenance/defragment', {}, longCallMs);
  }

  /** Hands the lead to another member; only the leader does that. */
  async moveLeader(targetId: string, timeoutMs: number): Promise<void> {
    await this.#call('/v3/maintenance/transfer-leadership', { targetID: targetId }, timeoutMs);
  }

  /** The member's database as it is now: pieces of it, the last 32 bytes of all being their SHA-256. */
  async *snapshot(signal: AbortSignal): AsyncGenerator<{ piece: Buffer; remainingBytes: number }> {
    const response = await this.#open('/v3/maintenance/snapshot', {}, signal);
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (line === '') continue;
      const answer: unknown = JSON.parse(line);
      const error = field(answer, 'error');
      if (error !== undefined) throw new EtcdRefusal(`${this.url}: ${text(error, 'message')}`);
      const result = field(answer, 'result');
      yield {
        piece: Buffer.from(text(result, 'blob'), 'base64'),
        remainingBytes: Number(text(result, 'remaining_bytes') || '0'),
      };
    }
  }

  async #call(path: string, body: object, timeoutMs: number): Promise<unknown> {
    const response = await this.#open(path, body, AbortSignal.timeout(timeoutMs));
    const answer = await wholeText(response);
    if (response.statusCode === 200) return JSON.parse(answer);
    throw new EtcdRefusal(`${this.url}: ${refusalText(answer) ?? `HTTP ${response.statusCode}`}`);
  }

  #open(path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> {
    return ask(new URL(path, this.url), this.#credentials, { method: 'POST', body: JSON.stringify(body), signal });
  }
}

export interface Question {
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** One HTTPS request over a connection of its own: a member that restarts may have another address. */
export function ask(url: URL, tls: EtcdCredentials, question: Question): Promise<IncomingMessage> {
  const { method = 'GET', body, headers, signal } = question;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...tls, method, headers, signal, agent: false }, resolve);
    // An answer that is cut off ends the reading of its body, too.
    outgoing.once('error', (error) => reject(new Error(`${url.host}: ${reasonOf(error, signal)}`, { cause: error })));
    outgoing.end(body);
  });
}

export async function wholeText(response: IncomingMessage): Promise<string> {
  let all = '';
  for await (const piece of response.setEncoding('utf8')) all += piece;
  return all;
}

function reasonOf(error: Error, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

function refusalText(answer: string): string | undefined {
  try {
    return text(JSON.parse(answer), 'message') || undefined;
  } catch {
    return undefined;
  }
}

function alarmOf(error: string): Alarm[] {
  const [, memberId, type] = /memberID:(\d+) alarm:(\w+)/.exec(error) ?? [];
  return memberId && type ? [{ memberId, type }] : [];
}

function memberList(answer: unknown): MemberList {
  return {
    clusterId: text(field(answer, 'header'), 'cluster_id'),
    members: list(answer, 'members').map((member) => ({
      id: text(member, 'ID'),
      name: text(member, 'name'),
      peerUrls: texts(member, 'peerURLs'),
      clientUrls: texts(member, 'clientURLs'),
      isLearner: field(member, 'isLearner') === true,
    })),
  };
}

// The gateway leaves out what is empty, zero or false.

function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined;
}

function text(object: unknown, name: string): string {
  const value = field(object, name);
  return typeof value === 'string' ? value : '';
}

function list(object: unknown, name: string): unknown[] {
  const value = field(object, name);
  return Array.isArray(value) ? value : [];
}

function texts(object: unknown, name: string): string[] {
  return list(object, name).filter((value) => typeof value === 'string');
}
