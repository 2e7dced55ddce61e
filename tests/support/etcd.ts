/**
 * Real etcd members for tests: processes of their own on loopback with free ports and data in a temporary directory, over TLS
 * if wanted. They can be killed, paused and started again, and are gone after `stop`, which a test hands to `t.teardown`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { atExit } from './at-exit.ts';
import { freePorts } from './ports.ts';

/** Clients must come with certificates of this authority; the members show the certificate to clients and to each other. */
export interface TestTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TestEtcdOptions {
  readonly tls?: TestTls | undefined;
  readonly extraArgs?: readonly string[];
}

/** Starts one or three members and waits until they have a leader. */
export async function startEtcd(size: 1 | 3 = 1, options: TestEtcdOptions = {}): Promise<TestEtcd> {
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-etcd-'));
  const etcd = new TestEtcd(dir, await freePorts(size * 3), options);
  atExit.add(etcd.killAll);
  await etcd.startAll();
  return etcd;
}

export class TestEtcd {
  readonly members: readonly TestMember[];
  readonly #dir: string;

  constructor(dir: string, ports: readonly number[], options: TestEtcdOptions) {
    this.#dir = dir;
    const scheme = options.tls ? 'https' : 'http';
    const urlsOf = (index: number) => ({
      name: `etcd-${index + 1}`,
      clientUrl: `${scheme}://127.0.0.1:${ports[index * 3]}`,
      peerUrl: `${scheme}://127.0.0.1:${ports[index * 3 + 1]}`,
      metricsUrl: `http://127.0.0.1:${ports[index * 3 + 2]}`,
    });
    const urls = Array.from({ length: ports.length / 3 }, (_, index) => urlsOf(index));
    const initialCluster = urls.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    this.members = urls.map((own) => new TestMember({ ...own, initialCluster, dataDir: join(dir, own.name), options }));
  }

  /** The members' client URLs, in order. */
  get endpoints(): string[] {
    return this.members.map(({ clientUrl }) => clientUrl);
  }

  /** Starts those that do not run and waits for all. */
  async startAll(): Promise<void> {
    for (const member of this.members) member.start();
    await Promise.all(this.members.map((member) => member.healthy()));
  }

  readonly killAll = (): void => {
    for (const member of this.members) member.signal('SIGKILL');
  };

  /** Kills what still runs and deletes the data. */
  readonly stop = async (): Promise<void> => {
    await Promise.all(this.members.map((member) => member.kill()));
    atExit.delete(this.killAll);
    await rm(this.#dir, { recursive: true, force: true });
  };
}

interface TestMemberConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly metricsUrl: string;
  readonly initialCluster: string;
  readonly options: TestEtcdOptions;
}

export class TestMember {
  readonly #config: TestMemberConfig;
  #process: ChildProcess | undefined;

  constructor(config: TestMemberConfig) {
    this.#config = config;
  }

  get clientUrl(): string {
    return this.#config.clientUrl;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    if (this.#runs()) return;
    const errors = openSync(this.#errors, 'a');
    this.#process = spawn('etcd', argumentsOf(this.#config), { stdio: ['ignore', 'ignore', errors] });
    closeSync(errors);
  }

  /** SIGKILL, and waits until the process is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || !this.#runs()) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Stops the process where it is: its connections stay, it says nothing. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  signal(name: NodeJS.Signals): void {
    if (this.#runs()) this.#process?.kill(name);
  }

  /** Copies the data, which the member must not be writing to. */
  async backup(): Promise<void> {
    await cp(this.#config.dataDir, `${this.#config.dataDir}.backup`, { recursive: true });
  }

  /** Puts the copy in the place of the data of a member that is not running. */
  async restore(): Promise<void> {
    await rm(this.#config.dataDir, { recursive: true, force: true });
    await cp(`${this.#config.dataDir}.backup`, this.#config.dataDir, { recursive: true });
  }

  /** Whether this member is the leader now. */
  async leads(): Promise<boolean> {
    const metrics = await (await fetch(`${this.#config.metricsUrl}/metrics`)).text();
    return metrics.includes('\netcd_server_is_leader 1');
  }

  /** Resolves when the member answers and knows a leader. Throws an Error with its last words if it ended, or takes too long. */
  async healthy(): Promise<void> {
    let answer: Response | undefined;
    for (let tries = 0; tries < 600 && this.#runs(); tries += 1) {
      answer = await fetch(`${this.#config.metricsUrl}/health`).catch(() => undefined);
      if (answer?.ok) return;
      await delay(25);
    }
    const state = this.#runs() ? `answers ${answer ? await answer.text() : 'nothing'}` : 'ended';
    const words = (await readFile(this.#errors, 'utf8')).slice(-2_000);
    throw new Error(`etcd member ${this.#config.name} is not healthy: it ${state}. It said: ${words}`);
  }

  /** What it says goes into this file: errors only. */
  get #errors(): string {
    return `${this.#config.dataDir}.log`;
  }

  #runs(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }
}

function argumentsOf(config: TestMemberConfig): string[] {
  const { name, dataDir, clientUrl, peerUrl, metricsUrl, initialCluster, options } = config;
  const args = [
    ...['--name', name, '--data-dir', dataDir, '--log-level', 'error'],
    ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--listen-metrics-urls', metricsUrl, '--initial-cluster', initialCluster],
  ];
  if (options.tls) {
    const { caFile, certFile, keyFile } = options.tls;
    args.push('--client-cert-auth', '--trusted-ca-file', caFile, '--cert-file', certFile, '--key-file', keyFile);
    args.push('--peer-client-cert-auth', '--peer-trusted-ca-file', caFile);
    args.push('--peer-cert-file', certFile, '--peer-key-file', keyFile);
  }
  return [...args, ...(options.extraArgs ?? [])];
}
