/**
 * The cluster of compose.yaml as plain processes on loopback: three masters, a balancer, two nodes with the simulated
 * runtime. It needs etcd and nothing else; `npm run local` shows it to people, and tests use it as a library.
 *
 * Guarantees: everything is real but the containers (etcd, TLS, elections, the nodes' way to the masters); all processes end with
 * the process that started them, however that one ends; clusters beside one another do not meet.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '../master/api/client.ts';
import { loadKubeconfig } from '../master/api/config.ts';
import { mastersFile, writeMasters } from '../master/api/masters-file.ts';
import { ensureApiSchema } from './api-schema.ts';
import { ensureBootstrapToken } from './bootstrap.ts';
import { ComponentHandle, GroupHandle } from './local/handle.ts';
import { chooseMasterPorts, choosePorts, type LocalPorts, type MasterPorts, type NodePorts } from './local/ports.ts';
import { allReady } from './local/readiness.ts';
import { Watchdog } from './local/watchdog.ts';
import { createPki, type Pki } from './pki.ts';

export interface LocalClusterOptions {
  /** Keys, etcd's data, logs: everything that the cluster keeps. */
  readonly dataDir: string;
  /** Three, or as many as the data is of, if left out. */
  readonly masters?: number | undefined;
  readonly nodes?: number;
  /** The balancer's port; a free one if left out. */
  readonly port?: number | undefined;
  /** Where the block of all other ports begins; a free one if left out. */
  readonly basePort?: number | undefined;
  /** Where the kubeconfig is written; `<dataDir>/kubeconfig` if left out. */
  readonly kubeconfig?: string;
  /** Begin with nothing. */
  readonly reset?: boolean;
  /** Return only when all masters and nodes are Ready; true if left out. */
  readonly wait?: boolean;
  readonly timeoutMs?: number;
  /** Gives up waiting, and ends what was started. */
  readonly signal?: AbortSignal;
  /** More arguments for every master or node, such as `--scheduler-arg=--log-level=debug`. */
  readonly masterArgs?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** Told of what is waited for. */
  readonly onProgress?: (text: string) => void;
}

export interface LocalMaster extends GroupHandle {
  readonly url: string;
  readonly ports: MasterPorts;
  readonly etcd: ComponentHandle;
  readonly apiserver: ComponentHandle;
  readonly scheduler: ComponentHandle;
  readonly controllerManager: ComponentHandle;
}

export interface LocalNode extends GroupHandle {
  readonly ports: NodePorts;
  readonly kubelet: ComponentHandle;
  readonly kubeProxy: ComponentHandle;
}

export interface LocalCluster {
  /** Path of the administrator's kubeconfig: through the balancer. */
  readonly kubeconfig: string;
  /** The API through the balancer. */
  readonly url: string;
  readonly pkiDir: string;
  /** As they are now: it changes when one is added or removed. */
  readonly masters: readonly LocalMaster[];
  readonly nodes: readonly LocalNode[];
  readonly balancer: GroupHandle;
  readonly balancerAdmin: string;
  /** Resolves when every master and node is Ready; rejects after the time. */
  ready(timeoutMs?: number): Promise<void>;
  /** Makes keys for one more master, names it to the others, and starts it; it joins by itself. */
  addMaster(name: string): Promise<LocalMaster>;
  /** Stops a master, names it to the others no more, and deletes its data. etcd's list of members is not this one's business. */
  removeMaster(name: string): Promise<void>;
  /** Ends all processes in order; the data stays. */
  stop(): Promise<void>;
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const defaultTimeoutMs = 60_000;

/** Starts the cluster. Rejects when it is not Ready in time, with nothing left running. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { nodes = 2, timeoutMs = defaultTimeoutMs, onProgress = () => {} } = options;
  const dataDir = resolve(options.dataDir);
  ensureApiSchema();
  const kept = options.reset ? [] : keptMasters(dataDir);
  const masters = options.masters ?? (kept.length || 3);
  if (kept.length > 0 && masters !== kept.length) {
    throw new Error(`${dataDir} has the data of ${kept.length} masters: npm run masters adds and removes them`);
  }
  const names = {
    masters: kept.length > 0 ? kept.map(({ name }) => name) : numbered('master', masters),
    nodes: numbered('node', nodes),
  };
  const keptPorts = kept.map(({ ports }) => ports);
  const ports = await choosePorts({ masters, kept: keptPorts, nodes, port: options.port, basePort: options.basePort });
  // Only now: if the ports are in use, the data may be too.
  if (options.reset) rmSync(dataDir, { recursive: true, force: true });
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const url = `https://127.0.0.1:${ports.balancer}`;
  const pkiDir = join(dataDir, 'pki');
  const pki = (): Promise<Pki> => createPki({ dir: pkiDir, ...names, adminServer: url });
  const { adminKubeconfig, bootstrapToken } = await pki();
  const kubeconfig = resolve(options.kubeconfig ?? join(dataDir, 'kubeconfig'));
  writeKubeconfig(adminKubeconfig, kubeconfig, url);

  const roster = names.masters.map((name, place) => ({ name, ports: at(ports.masters, place) }));
  const plan: Plan = { ...options, dataDir, pkiDir, ports, roster, nodeNames: names.nodes, watchdog: new Watchdog() };
  tellMasters(plan);
  const running = roster.map((master) => masterOf(plan, master));
  const cluster = {
    masters: running,
    nodes: names.nodes.map((name, place) => nodeOf(plan, name, place)),
    balancer: balancerOf(plan),
    balancerAdmin: `http://127.0.0.1:${ports.balancerAdmin}`,
  };
  // The masters have the longest way to go, so they are the first to get the processors.
  for (const handle of [...cluster.masters, cluster.balancer, ...cluster.nodes]) handle.start();
  const stopping = new AbortController();
  const lettingIn = letNodesIn(kubeconfig, bootstrapToken, stopping.signal);

  const local: LocalCluster = {
    ...cluster,
    kubeconfig,
    url,
    pkiDir,
    ready: (withinMs = timeoutMs) => allReady(local, withinMs, onProgress, options.signal),
    async addMaster(name) {
      if (roster.some((each) => each.name === name)) throw new Error(`there is a ${name} already`);
      const master = { name, ports: await chooseMasterPorts({ ...ports, masters: roster.map((each) => each.ports) }) };
      names.masters.push(name);
      await pki();
      roster.push(master);
      tellMasters(plan);
      const handle = masterOf(plan, master);
      running.push(handle);
      handle.start();
      return handle;
    },
    async removeMaster(name) {
      const place = roster.findIndex((each) => each.name === name);
      if (place < 0) throw new Error(`there is no ${name}`);
      await at(running, place).stop();
      for (const list of [roster, running, names.masters]) list.splice(place, 1);
      tellMasters(plan);
      for (const dir of [join(dataDir, name), join(pkiDir, name)]) rmSync(dir, { recursive: true, force: true });
    },
    async stop() {
      stopping.abort();
      await lettingIn;
      // Nodes first: they stop their pods' bookkeeping while there is an API; the balancer last.
      for (const together of [cluster.nodes, cluster.masters, [cluster.balancer]]) {
        await Promise.all(together.map((handle) => handle.stop()));
      }
      plan.watchdog.close();
    },
  };
  try {
    if (options.wait ?? true) await local.ready();
    return local;
  } catch (error) {
    await local.stop();
    throw error;
  }
}

interface Plan extends LocalClusterOptions {
  readonly pkiDir: string;
  readonly ports: LocalPorts;
  readonly roster: readonly RosterEntry[];
  readonly nodeNames: readonly string[];
  readonly watchdog: Watchdog;
}

interface RosterEntry {
  readonly name: string;
  readonly ports: MasterPorts;
}

const rosterFile = 'cluster.json';

/** The masters that the data of an earlier start is of. */
function keptMasters(dataDir: string): RosterEntry[] {
  const path = join(dataDir, rosterFile);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).masters : [];
}

/** Masters, nodes and the balancer have the list of all masters beside their keys; the next start of the cluster finds it here. */
function tellMasters({ dataDir, pkiDir, roster, nodeNames: nodes }: Plan): void {
  writeFileSync(join(dataDir, rosterFile), `${JSON.stringify({ masters: roster }, undefined, 2)}\n`);
  const addresses = roster.map(({ name, ports }) => ({
    name,
    peerUrl: `https://127.0.0.1:${ports.etcdPeer}`,
    // A name: gRPC lets no address stand for the name in a certificate.
    clientUrl: `https://localhost:${ports.etcdClient}`,
    apiserver: `https://127.0.0.1:${ports.apiserver}`,
  }));
  for (const name of [...roster.map((each) => each.name), ...nodes, 'lb']) {
    writeMasters(join(pkiDir, name, mastersFile), addresses);
  }
}

function masterOf(plan: Plan, { name, ports: own }: RosterEntry): LocalMaster {
  const dataDir = join(plan.dataDir, name);
  const pkiDir = join(plan.pkiDir, name);
  const handle = launch(plan, name, 'master/main.ts', [
    ...['--name', name, '--pki-dir', pkiDir, '--data-dir', dataDir, '--bind-address', '127.0.0.1'],
    ...['--secure-port', String(own.apiserver)],
    ...['--etcd-client-port', String(own.etcdClient), '--etcd-peer-port', String(own.etcdPeer)],
    ...['--etcd-metrics-port', String(own.etcdMetrics)],
    ...['--scheduler-port', String(own.scheduler), '--scheduler-secure-port', '0'],
    ...['--controller-manager-port', String(own.controllerManager), '--controller-manager-secure-port', '0'],
    ...['--apiserver-arg=--advertise-address', '--apiserver-arg=127.0.0.1'],
    ...(plan.masterArgs ?? []),
  ]);
  return Object.assign(handle, {
    url: `https://127.0.0.1:${own.apiserver}`,
    ports: own,
    etcd: new ComponentHandle('etcd', dataDir),
    apiserver: new ComponentHandle('apiserver', dataDir),
    scheduler: new ComponentHandle('scheduler', dataDir),
    controllerManager: new ComponentHandle('controller-manager', dataDir),
  });
}

function nodeOf(plan: Plan, name: string, place: number): LocalNode {
  const own = at(plan.ports.nodes, place);
  const dataDir = join(plan.dataDir, name);
  const handle = launch(plan, name, 'node/main.ts', [
    ...['--name', name, '--pki-dir', join(plan.pkiDir, name), '--data-dir', dataDir, '--runtime', 'simulated'],
    ...['--apiservers', plan.ports.masters.map(({ apiserver }) => `https://127.0.0.1:${apiserver}`).join(',')],
    ...['--balancer-port', String(own.balancer), '--kubelet-port', String(own.kubelet)],
    ...['--kubelet-healthz-port', String(own.kubeletHealthz), '--proxy-healthz-port', String(own.proxyHealthz)],
    ...['--proxy-metrics-port', String(own.proxyMetrics)],
    ...(plan.nodeArgs ?? []),
  ]);
  return Object.assign(handle, {
    ports: own,
    kubelet: new ComponentHandle('kubelet', dataDir),
    kubeProxy: new ComponentHandle('kube-proxy', dataDir),
  });
}

function balancerOf(plan: Plan): GroupHandle {
  const { ports, roster, pkiDir } = plan;
  const backends = roster.map((master) => `${master.name}=127.0.0.1:${master.ports.apiserver}`);
  return launch(plan, 'lb', 'lb/main.ts', [
    ...['--listen', `127.0.0.1:${ports.balancer}`, '--admin', `127.0.0.1:${ports.balancerAdmin}`],
    ...['--backend', backends.join(','), '--ca-file', join(pkiDir, 'lb', 'ca.crt'), '--drain', '0s'],
    ...['--masters-file', join(pkiDir, 'lb', mastersFile), '--follow'],
  ]);
}

function launch(plan: Plan, name: string, main: string, args: readonly string[]): GroupHandle {
  const env = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'node-compile') };
  const logFile = join(plan.dataDir, 'logs', `${name}.log`);
  return new GroupHandle({ name, args: [join(root, main), ...args], env, logFile }, plan.watchdog);
}

/** Makes the token of the nodes known once the API answers. It never rejects: a stop is the only thing that ends it early. */
async function letNodesIn(kubeconfig: string, token: string, signal: AbortSignal): Promise<void> {
  const client = new Client(loadKubeconfig(kubeconfig), { userAgent: 'bootstrap', timeoutMs: 2_000 });
  await ensureBootstrapToken(client, token, signal).catch(() => {});
  await client.close();
}

/** The administrator's kubeconfig with the port of this start: the file of an earlier one may have another. */
function writeKubeconfig(from: string, to: string, server: string): void {
  const text = readFileSync(from, 'utf8').replace(/^( +server:) .*$/m, `$1 ${server}`);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text, { mode: 0o600 });
  chmodSync(to, 0o600);
}

const numbered = (what: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${what}-${i + 1}`);

function at<T>(items: readonly T[], place: number): T {
  const item = items[place];
  if (item === undefined) throw new Error(`there is no item ${place}`);
  return item;
}
