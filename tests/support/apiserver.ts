/**
 * Real API servers for tests: processes of their own on free ports of loopback, over a test's etcd, with certificates of
 * their own. They are gone with `stop`, which a test hands to `t.teardown`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createPki } from '../../compose/pki.ts';
import { atExit } from './at-exit.ts';
import { startEtcd, type TestEtcd } from './etcd.ts';
import { freePorts } from './ports.ts';

export interface TestApiServersOptions {
  /** The URLs of a test's etcd; one of their own if left out. */
  readonly etcd?: readonly string[];
  readonly count?: number;
  readonly extraArgs?: readonly string[];
}

/** Starts API servers side by side and waits until all are ready. */
export async function startApiServers({
  etcd,
  count = 1,
  extraArgs = [],
}: TestApiServersOptions = {}): Promise<TestApiServers> {
  const ownEtcd = etcd ? undefined : await startEtcd();
  const endpoints = [...(etcd ?? ownEtcd?.endpoints ?? [])];
  const dir = await mkdtemp(join(tmpdir(), 'trimaster-api-'));
  const ports = await freePorts(count);
  const masters = ports.map((_, index) => `master-${index + 1}`);
  await createPki({ dir, masters, nodes: [], adminServer: `https://127.0.0.1:${ports[0]}` });
  const ca = await readFile(join(dir, 'master-1/ca.crt'), 'utf8');
  const servers = await Promise.all(
    ports.map(async (port, index) => {
      const kubeconfig = join(dir, `kubeconfig-${index + 1}`);
      const admin = await readFile(join(dir, 'admin/kubeconfig'), 'utf8');
      await writeFile(kubeconfig, admin.replaceAll(`127.0.0.1:${ports[0]}`, `127.0.0.1:${port}`), { mode: 0o600 });
      return new TestApiServer(port, join(dir, `master-${index + 1}`), kubeconfig, ca, endpoints, extraArgs);
    }),
  );
  const all = new TestApiServers(dir, servers, ownEtcd);
  atExit.add(all.killAll);
  for (const server of servers) server.start();
  await Promise.all(servers.map((server) => server.ready()));
  return all;
}

export class TestApiServers {
  readonly servers: readonly TestApiServer[];
  /** The set-up of trust, as `createPki` lays it out. */
  readonly dir: string;
  readonly #ownEtcd: TestEtcd | undefined;

  constructor(dir: string, servers: readonly TestApiServer[], ownEtcd?: TestEtcd) {
    this.dir = dir;
    this.servers = servers;
    this.#ownEtcd = ownEtcd;
  }

  get first(): TestApiServer {
    const [first] = this.servers;
    if (!first) throw new Error('no API server');
    return first;
  }

  readonly killAll = (): void => {
    for (const server of this.servers) server.signal('SIGKILL');
  };

  readonly stop = async (): Promise<void> => {
    await Promise.all(this.servers.map((server) => server.end('SIGKILL')));
    atExit.delete(this.killAll);
    await this.#ownEtcd?.stop();
    await rm(this.dir, { recursive: true, force: true });
  };
}

export class TestApiServer {
  readonly port: number;
  /** The administrator's kubeconfig for this server alone. */
  readonly kubeconfig: string;
  readonly ca: string;
  readonly #pki: string;
  readonly #etcd: readonly string[];
  readonly #extraArgs: readonly string[];
  #process: ChildProcess | undefined;
  #output = '';

  constructor(port: number, pki: string, kubeconfig: string, ca: string, etcd: string[], extraArgs: readonly string[]) {
    this.port = port;
    this.kubeconfig = kubeconfig;
    this.ca = ca;
    this.#pki = pki;
    this.#etcd = etcd;
    this.#extraArgs = extraArgs;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  start(): void {
    const main = fileURLToPath(new URL('../../master/apiserver/main.ts', import.meta.url));
    const pki = (file: string): string => join(this.#pki, file);
    const child = spawn(
      process.execPath,
      [
        main,
        ...['--bind-address', '127.0.0.1', '--secure-port', String(this.port), '--advertise-address', '10.1.2.3'],
        ...['--etcd-servers', this.#etcd.join(',')],
        ...['--client-ca-file', pki('ca.crt')],
        ...['--tls-cert-file', pki('apiserver.crt'), '--tls-private-key-file', pki('apiserver.key')],
        ...['--service-account-key-file', pki('sa.pub'), '--service-account-signing-key-file', pki('sa.key')],
        ...['--kubelet-certificate-authority', pki('ca.crt')],
        ...['--kubelet-client-certificate', pki('apiserver-kubelet-client.crt')],
        ...['--kubelet-client-key', pki('apiserver-kubelet-client.key')],
        ...['--proxy-client-cert-file', pki('front-proxy-client.crt')],
        ...['--proxy-client-key-file', pki('front-proxy-client.key')],
        ...['--requestheader-client-ca-file', pki('front-proxy-ca.crt')],
        ...['--requestheader-allowed-names', 'front-proxy-client'],
        ...['--disable-admission-plugins', lonePlugins],
        ...this.#extraArgs,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000);
      });
    }
    this.#process = child;
  }

  signal(name: NodeJS.Signals): void {
    if (this.#process?.exitCode === null) this.#process.kill(name);
  }

  /** Ends the process and waits until it is gone; its exit code, or null when the signal ended it. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process;
    if (!child) return null;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  }

  /** Resolves when /readyz is green. */
  async ready(): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if (this.#process?.exitCode !== null) break;
      if ((await this.ask('/readyz').catch(() => undefined))?.status === 200) return;
      await delay(25);
    }
    throw new Error(`the API server did not become ready:\n${this.#output}`);
  }

  /** A GET without credentials. */
  ask(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const asked = request(this.url + path, { ca: this.ca, headers, agent: new Agent({ keepAlive: false }) });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on('error', reject);
    });
    asked.end();
    return promise;
  }
}

/** What needs controllers or nodes: accounts in new namespaces, nodes that become ready, claims that may go. */
const lonePlugins = 'ServiceAccount,TaintNodesByCondition,StorageObjectInUseProtection';
