/**
 * The cluster's set-up of trust: which keys and certificates exist and where each is kept.
 *
 * Guarantees: what is there already is never made again, so a second run changes nothing and a third master added later
 * is signed by the same authorities; each component's directory holds only what that component may have. It does not
 * hand anything out: compose mounts each directory as the volume of one container.
 *
 * There are three authorities. The cluster's signs API servers, their clients and (later, on request) kubelets; etcd's
 * signs etcd members and the API servers as their clients; the front proxy's signs the API servers as those whose word
 * counts on who asks. They are three so that no certificate that the cluster gives away on request ever opens etcd, or
 * makes its holder whoever he says he is.
 *
 *   <dir>/ca/        the authorities with their keys, the service account keys, the bootstrap token
 *   <dir>/master-1/  ca.crt ca.key apiserver.* apiserver-kubelet-client.* apiserver-etcd-client.* sa.key sa.pub
 *                    front-proxy-ca.crt front-proxy-client.*
 *                    etcd/ca.crt etcd/server.* etcd/peer.* scheduler.conf controller-manager.conf
 *   <dir>/node-1/    ca.crt bootstrap.conf
 *   <dir>/lb/        ca.crt
 *   <dir>/admin/     kubeconfig bootstrap-token
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createAuthority, createSigningKey, issue, type KeyPair, type LeafRequest } from './certificates.ts';

export interface PkiOptions {
  /** Where the tree is made. */
  readonly dir: string;
  /** Names of the masters: their API servers and etcd members are reached, and certified, under these. */
  readonly masters: readonly string[];
  readonly nodes: readonly string[];
  /** What the kubeconfig of the administrator calls the cluster, the user and the context. */
  readonly clusterName?: string;
  /** The API server as the administrator reaches it. */
  readonly adminServer?: string;
  /** The API server as a node reaches it: its own balancer. */
  readonly nodeServer?: string;
  /** The API server as the scheduler and controller manager of a master reach it. */
  readonly masterServer?: (master: string) => string;
  /** More names or constant addresses that the API servers answer to. */
  readonly apiserverNames?: readonly string[];
  /** `<6>.<16>` of a-z0-9, as kubeadm's; made at random where none is given or kept already. */
  readonly bootstrapToken?: string;
}

export interface Pki {
  readonly adminKubeconfig: string;
  readonly bootstrapToken: string;
}

/** Makes what is missing of the tree under `options.dir`. Safe to repeat; two runs must not overlap. */
export async function createPki(options: PkiOptions): Promise<Pki> {
  const { dir, masters, nodes } = options;
  const name = options.clusterName ?? 'trimaster';
  const adminServer = options.adminServer ?? 'https://127.0.0.1:6443';
  const nodeServer = options.nodeServer ?? 'https://127.0.0.1:6443';
  const masterServer = options.masterServer ?? ((master: string) => `https://${master}:6443`);

  const ca = await pair(join(dir, 'ca/ca'), () => createAuthority('kubernetes'));
  const etcdCa = await pair(join(dir, 'ca/etcd-ca'), () => createAuthority('etcd-ca'));
  const frontProxyCa = await pair(join(dir, 'ca/front-proxy-ca'), () => createAuthority('front-proxy-ca'));
  const signing = await serviceAccountKeys(join(dir, 'ca'));
  const bootstrapToken = kept(join(dir, 'ca/bootstrap-token'), options.bootstrapToken ?? newBootstrapToken());

  const config = (who: LeafRequest, file: string, server: string) =>
    once(file, async () => {
      const { cert, key } = await issue(ca, who);
      return clientConfig({ name, user: who.commonName, server, ca: ca.cert, cert, key });
    });

  for (const master of masters) {
    const at = (file: string) => join(dir, master, file);
    const leaf = (by: KeyPair, file: string, who: LeafRequest) => pair(at(file), () => issue(by, who));
    const member: LeafRequest = {
      commonName: master,
      names: [master, 'localhost', '127.0.0.1'],
      // etcd dials itself and its peers with the certificate that it serves.
      usages: ['server', 'client'],
    };
    copy(at('ca.crt'), ca.cert);
    // The controller manager of every master signs certificate requests of nodes.
    copy(at('ca.key'), ca.key);
    copy(at('etcd/ca.crt'), etcdCa.cert);
    copy(at('front-proxy-ca.crt'), frontProxyCa.cert);
    copy(at('sa.key'), signing.key);
    copy(at('sa.pub'), signing.pub);
    await leaf(etcdCa, 'etcd/server', member);
    await leaf(etcdCa, 'etcd/peer', member);
    await leaf(etcdCa, 'apiserver-etcd-client', client('kube-apiserver-etcd-client'));
    await leaf(ca, 'apiserver', {
      commonName: 'kube-apiserver',
      names: [...new Set([master, ...apiserverNames, ...(options.apiserverNames ?? [])])],
      usages: ['server'],
    });
    await leaf(ca, 'apiserver-kubelet-client', client('kube-apiserver-kubelet-client', 'system:masters'));
    await leaf(frontProxyCa, 'front-proxy-client', client('front-proxy-client'));
    await config(client('system:kube-scheduler'), at('scheduler.conf'), masterServer(master));
    await config(client('system:kube-controller-manager'), at('controller-manager.conf'), masterServer(master));
  }

  for (const node of nodes) {
    copy(join(dir, node, 'ca.crt'), ca.cert);
    const file = join(dir, node, 'bootstrap.conf');
    const user = 'kubelet-bootstrap';
    await once(file, () => clientConfig({ name, user, server: nodeServer, ca: ca.cert, token: bootstrapToken }));
  }

  copy(join(dir, 'lb/ca.crt'), ca.cert);
  copy(join(dir, 'admin/bootstrap-token'), `${bootstrapToken}\n`);
  const adminKubeconfig = join(dir, 'admin/kubeconfig');
  await config(client('kubernetes-admin', 'system:masters'), adminKubeconfig, adminServer);
  return { adminKubeconfig, bootstrapToken };
}

/** What every API server is called besides its master's name; the addresses are constants of the set-up. */
const apiserverNames = [
  'lb',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
  '127.0.0.1',
  '10.96.0.1',
];

function client(commonName: string, ...organizations: string[]): LeafRequest {
  return { commonName, organizations, usages: ['client'] };
}

async function pair(base: string, make: () => Promise<KeyPair>): Promise<KeyPair> {
  if (!existsSync(`${base}.crt`)) {
    // The certificate is written last: where it is, its key is too.
    const made = await make();
    write(`${base}.key`, made.key);
    write(`${base}.crt`, made.cert);
  }
  return { cert: readFileSync(`${base}.crt`, 'utf8'), key: readFileSync(`${base}.key`, 'utf8') };
}

async function serviceAccountKeys(dir: string): Promise<{ key: string; pub: string }> {
  if (!existsSync(join(dir, 'sa.pub'))) {
    const made = await createSigningKey();
    write(join(dir, 'sa.key'), made.key);
    write(join(dir, 'sa.pub'), made.pub);
  }
  return { key: readFileSync(join(dir, 'sa.key'), 'utf8'), pub: readFileSync(join(dir, 'sa.pub'), 'utf8') };
}

async function once(path: string, make: () => string | Promise<string>): Promise<void> {
  if (!existsSync(path)) write(path, await make());
}

function kept(path: string, value: string): string {
  if (!existsSync(path)) write(path, `${value}\n`);
  return readFileSync(path, 'utf8').trim();
}

function copy(path: string, text: string): void {
  if (!existsSync(path)) write(path, text);
}

/** Private by default, and whole or not there at all, so that a run that was cut short is finished by the next. */
function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const half = `${path}.half`;
  writeFileSync(half, text, { mode: 0o600 });
  chmodSync(half, /\.(crt|pub)$/.test(path) ? 0o644 : 0o600);
  renameSync(half, path);
}

function newBootstrapToken(): string {
  const hex = randomBytes(11).toString('hex');
  return `${hex.slice(0, 6)}.${hex.slice(6, 22)}`;
}

interface ConfigParts {
  readonly name: string;
  readonly user: string;
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** A kubeconfig with everything inside it, so that one file is all that has to be handed over. */
function clientConfig({ name, user, server, ca, cert, key, token }: ConfigParts): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const credentials = token
    ? [`    token: ${token}`]
    : [`    client-certificate-data: ${base64(cert ?? '')}`, `    client-key-data: ${base64(key ?? '')}`];
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    `- name: ${name}`,
    '  cluster:',
    `    certificate-authority-data: ${base64(ca)}`,
    `    server: ${server}`,
    'users:',
    `- name: ${user}`,
    '  user:',
    ...credentials,
    'contexts:',
    `- name: ${name}`,
    '  context:',
    `    cluster: ${name}`,
    `    user: ${user}`,
    `current-context: ${name}`,
    '',
  ].join('\n');
}
