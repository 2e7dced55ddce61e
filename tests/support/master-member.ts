/** Members of etcd as masters start them, over mutual TLS, for tests of what looks after them. Gone at the test's end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { createPki } from '../../compose/pki.ts';
import { ask, EtcdClient, etcdCredentials, wholeText } from '../../master/etcd/client.ts';
import { type EtcdCommand, type EtcdMemberConfig, etcdMember } from '../../master/etcd/member.ts';
import { freePorts } from './ports.ts';
import { within } from './within.ts';

/** One member, as a master starts it. */
export class MasterMember {
  config: EtcdMemberConfig;
  readonly client: EtcdClient;
  readonly #extra: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(config: EtcdMemberConfig, extra: readonly string[]) {
    this.config = config;
    this.client = new EtcdClient(config.clientUrl, etcdCredentials(config.pkiDir));
    this.#extra = extra;
  }

  /** The only member of a cluster. */
  static async start(t: ExecutionContext, ...extra: string[]): Promise<MasterMember> {
    const dir = mkdtempSync(join(tmpdir(), 'trimaster-member-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    await createPki({ dir: join(dir, 'pki'), masters: ['master-1', 'master-2', 'master-3'], nodes: [] });
    const member = new MasterMember(await configOf(dir, 'master-1'), extra);
    t.teardown(() => member.end('SIGKILL'));
    await member.run();
    return member;
  }

  /** One more member of this one's cluster, a learner. */
  async addLearner(t: ExecutionContext): Promise<MasterMember> {
    const config = await configOf(join(this.config.dataDir, '../..'), 'master-2');
    const [own] = config.initialCluster;
    await within(
      15,
      () => this.client.addLearner(own?.peerUrl ?? '', 3_000),
      () => true,
    );
    const initialCluster = [...this.config.initialCluster, ...config.initialCluster];
    const member = new MasterMember({ ...config, initialCluster }, ['--initial-cluster-state', 'existing']);
    t.teardown(() => member.end('SIGKILL'));
    await member.run(() => member.client.status(1_000));
    return member;
  }

  /** Another master of the configuration that this one has then, too; it does not run yet. */
  async another(t: ExecutionContext, name = 'master-2'): Promise<MasterMember> {
    const config = await configOf(join(this.config.dataDir, '../..'), name);
    const initialCluster = [...this.config.initialCluster, ...config.initialCluster];
    this.config = { ...this.config, initialCluster };
    const member = new MasterMember({ ...config, initialCluster }, []);
    t.teardown(() => member.end('SIGKILL'));
    return member;
  }

  /** Starts it, and waits until it answers. */
  async run(
    answers: () => Promise<unknown> = () => this.client.members(true, 1_000),
    { command, args }: EtcdCommand = etcdMember(this.config),
  ): Promise<void> {
    const said = join(this.config.dataDir, '../..', `${this.config.name}.log`);
    const output = openSync(said, 'a');
    const child = spawn(command, [...args, ...this.#extra], { stdio: ['ignore', output, output] });
    closeSync(output);
    this.#process = child;
    try {
      await within(15, answers, () => true);
    } catch (cause) {
      const state = child.exitCode === null ? 'runs' : 'ended';
      const words = readFileSync(said, 'utf8').slice(-2_000);
      throw new Error(`etcd member ${this.config.name} ${state} and does not answer. It said: ${words}`, { cause });
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    running.kill(signal);
    await once(running, 'exit');
  }

  /** What etcd answers: the status, and its words. */
  async call(path: string, body: object): Promise<{ status: number; text: string }> {
    const { pkiDir, clientUrl } = this.config;
    const question = { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) } as const;
    const response = await ask(new URL(path, clientUrl), etcdCredentials(pkiDir), question);
    return { status: response.statusCode ?? 0, text: await wholeText(response) };
  }

  put(key: string, value: string | Buffer): Promise<{ status: number; text: string }> {
    return this.call('/v3/kv/put', { key: base64(key), value: base64(value) });
  }

  async get(key: string): Promise<string | undefined> {
    const { text } = await this.call('/v3/kv/range', { key: base64(key) });
    const [found] = JSON.parse(text).kvs ?? [];
    return found && Buffer.from(found.value, 'base64').toString();
  }
}

async function configOf(dir: string, name: string): Promise<EtcdMemberConfig> {
  const [clientPort = 0, peerPort = 0, metricsPort = 0] = await freePorts(3);
  mkdirSync(join(dir, name));
  return {
    name,
    dataDir: join(dir, name, 'etcd'),
    pkiDir: join(dir, 'pki', name),
    initialCluster: [{ name, peerUrl: `https://127.0.0.1:${peerPort}` }],
    clientUrl: `https://localhost:${clientPort}`,
    bindAddress: '127.0.0.1',
    clientPort,
    peerPort,
    metricsPort,
  };
}

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');
