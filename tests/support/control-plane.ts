/**
 * A control plane for tests of the controllers: one etcd member, one API server and any number of controller managers, each a
 * process of its own on loopback. Everything is gone after `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issue, type KeyPair } from '../../compose/certificates.ts';
import { createPki } from '../../compose/pki.ts';
import { Client } from '../../master/api/client.ts';
import { loadKubeconfig } from '../../master/api/config.ts';
import { atExit } from './at-exit.ts';
import { startEtcd, type TestEtcd } from './etcd.ts';
import { freePort } from './ports.ts';
import { within } from './within.ts';

const masterDir = join(import.meta.dirname, '../../master');

/** A busy machine may renew a node's lease late: with this no pod is taken for lost. */
export const patient = ['--node-monitor-grace-period', '60s'];

/** A test, as far as it ends what was started for it. */
interface WithTeardown {
  teardown(end: () => Promise<void>): void;
}

export class ControlPlane {
  /** The administrator's. */
  readonly client: Client;
  readonly url: string;
  readonly #dir: string;
  readonly #etcd: TestEtcd;
  readonly #processes = new Set<TestProcess>();

  private constructor(dir: string, etcd: TestEtcd, url: string) {
    this.#dir = dir;
    this.#etcd = etcd;
    this.url = url;
    this.client = new Client({ ...loadKubeconfig(join(dir, 'admin/kubeconfig')), servers: [url] });
  }

  static async start(apiserverArgs: readonly string[] = []): Promise<ControlPlane> {
    const dir = await mkdtemp(join(tmpdir(), 'trimaster-control-'));
    await createPki({ dir, masters: ['master-1'], nodes: [] });
    const etcd = await startEtcd();
    const port = await freePort();
    const plane = new ControlPlane(dir, etcd, `https://127.0.0.1:${port}`);
    const kubeconfig = readFileSync(join(dir, 'admin/kubeconfig'), 'utf8');
    await writeFile(plane.kubeconfig, kubeconfig.replace(/server: \S+/, `server: ${plane.url}`), { mode: 0o600 });
    const own = (file: string): string => join(dir, 'master-1', file);
    plane.#spawn('apiserver', [
      ...['--secure-port', String(port), '--bind-address', '127.0.0.1', '--advertise-address', '127.0.0.1'],
      ...['--etcd-servers', etcd.endpoints.join(','), '--client-ca-file', own('ca.crt')],
      ...['--tls-cert-file', own('apiserver.crt'), '--tls-private-key-file', own('apiserver.key')],
      // Tests start few controllers, and nodes that say at once that they are ready.
      ...['--disable-admission-plugins', 'ServiceAccount,TaintNodesByCondition'],
      ...apiserverArgs,
    ]);
    await within(
      20,
      () => plane.client.get('namespaces', { name: 'kube-system' }),
      () => true,
    );
    return plane;
  }

  /** Starts one more controller manager, with timings short enough for tests. Later arguments win. */
  async startControllers(...args: string[]): Promise<Controllers> {
    const port = await freePort();
    const own = (file: string): string => join(this.#dir, 'master-1', file);
    const process = this.#spawn('controllers', [
      ...['--kubeconfig', own('controller-manager.conf'), '--master', this.url],
      ...['--bind-address', '127.0.0.1', '--port', String(port), '--secure-port', '0'],
      ...['--cluster-signing-cert-file', own('ca.crt'), '--cluster-signing-key-file', own('ca.key')],
      ...['--node-monitor-period', '300ms', '--node-monitor-grace-period', '3s'],
      ...args,
    ]);
    return new Controllers(process, port);
  }

  /** Starts one more scheduler. Later arguments win. */
  async startScheduler(...args: string[]): Promise<Controllers> {
    const port = await freePort();
    const process = this.#spawn('scheduler', [
      ...['--kubeconfig', join(this.#dir, 'master-1/scheduler.conf'), '--master', this.url],
      ...['--bind-address', '127.0.0.1', '--port', String(port), '--secure-port', '0'],
      ...args,
    ]);
    return new Controllers(process, port);
  }

  /** The administrator's, for kubectl. */
  get kubeconfig(): string {
    return join(this.#dir, 'kubeconfig');
  }

  get authority(): KeyPair {
    return {
      cert: readFileSync(join(this.#dir, 'ca/ca.crt'), 'utf8'),
      key: readFileSync(join(this.#dir, 'ca/ca.key'), 'utf8'),
    };
  }

  /** A client with a certificate of its own. */
  async clientAs(commonName: string, ...organizations: string[]): Promise<Client> {
    const { cert, key } = await issue(this.authority, { commonName, organizations, usages: ['client'] });
    return new Client({ servers: [this.url], ca: this.authority.cert, cert, key });
  }

  /** A controller manager that leads, and ends with the test at the latest. */
  async startLeader(t: WithTeardown, ...args: string[]): Promise<Controllers> {
    const controllers = await this.startControllers(...args);
    t.teardown(() => controllers.kill());
    return controllers.untilLeading();
  }

  /** One that leads and one that stands by; both end with the test at the latest. */
  async startTwo(t: WithTeardown, ...args: string[]): Promise<{ leader: Controllers; standby: Controllers }> {
    const leader = await this.startLeader(t, ...args);
    const standby = await this.startControllers(...args);
    t.teardown(() => standby.kill());
    return { leader, standby };
  }

  readonly stop = async (): Promise<void> => {
    await this.client.close();
    for (const process of this.#processes) await process.kill();
    await this.#etcd.stop();
    await rm(this.#dir, { recursive: true, force: true });
  };

  #spawn(component: string, args: readonly string[]): TestProcess {
    const started = new TestProcess([join(masterDir, component, 'main.ts'), '--log-level', logLevel, ...args]);
    this.#processes.add(started);
    return started;
  }
}

/** `TEST_LOG=debug ava …` shows what the processes say. */
const logLevel = process.env.TEST_LOG ?? 'silent';

class TestProcess {
  readonly #child: ChildProcess;
  readonly #endWithTest = (): void => this.signal('SIGKILL');

  constructor(args: readonly string[]) {
    const shown = process.env.TEST_LOG ? 'inherit' : 'ignore';
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', shown, 'inherit'] });
    atExit.add(this.#endWithTest);
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(name: NodeJS.Signals): void {
    if (this.runs) this.#child.kill(name);
  }

  /** Sends the signal and waits for the end. */
  async end(name: NodeJS.Signals): Promise<void> {
    atExit.delete(this.#endWithTest);
    if (!this.runs) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(name);
    await gone;
  }

  kill(): Promise<void> {
    return this.end('SIGKILL');
  }
}

/** One controller manager, or one scheduler. */
export class Controllers {
  readonly #process: TestProcess;
  readonly #port: number;

  constructor(process: TestProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** Whether this one leads now. */
  async leads(): Promise<boolean> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/leader`);
    const leader: unknown = await answer.json();
    return typeof leader === 'object' && leader !== null && 'isSelf' in leader && leader.isSelf === true;
  }

  async untilLeading(): Promise<this> {
    await within(
      15,
      () => this.leads(),
      (leads) => leads,
    );
    return this;
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  /** As a supervisor ends it: the lease is released. */
  stop(): Promise<void> {
    return this.#process.end('SIGTERM');
  }

  /** Stops the process where it is; it goes on later without having noticed. */
  pause(): void {
    this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#process.signal('SIGCONT');
  }
}
