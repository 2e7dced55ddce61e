/** Kubeconfig files: how a component finds the API servers and who it is (Kubernetes' "Organizing Cluster Access"). */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, stringify } from 'yaml';

export interface ClientConfig {
  /** Base URLs such as `https://master-1:6443`, the preferred first. At least one. */
  servers: string[];
  /** PEM texts. */
  ca?: string;
  cert?: string;
  key?: string;
  /** A bearer token. */
  token?: string;
  /** The name that the server's certificate must carry, where it is not the URL's host. */
  serverName?: string;
}

interface Kubeconfig {
  clusters?: { name: string; cluster: Record<string, string | undefined> }[];
  users?: { name: string; user: Record<string, string | undefined> }[];
  contexts?: { name: string; context: { cluster?: string; user?: string } }[];
  'current-context'?: string;
}

/** Reads the current context of a kubeconfig file. Throws an Error that names the file and what it lacks. */
export function loadKubeconfig(path: string): ClientConfig {
  const file: Kubeconfig | null = parse(readFileSync(path, 'utf8'));
  const missing = (what: string): never => {
    throw new Error(`kubeconfig ${path}: ${what}`);
  };
  const context =
    file?.contexts?.find(({ name }) => name === file['current-context'])?.context ?? missing('no current context');
  const cluster = file?.clusters?.find(({ name }) => name === context.cluster)?.cluster ?? missing('no cluster');
  const user = file?.users?.find(({ name }) => name === context.user)?.user ?? {};
  const pem = (from: Record<string, string | undefined>, field: string): string | undefined => {
    const data = from[`${field}-data`];
    if (data) return Buffer.from(data, 'base64').toString('utf8');
    const file = from[field];
    return file ? readFileSync(resolve(dirname(path), file), 'utf8') : undefined;
  };
  return withoutUndefined({
    servers: [cluster.server ?? missing('the cluster has no server')],
    ca: pem(cluster, 'certificate-authority'),
    serverName: cluster['tls-server-name'],
    cert: pem(user, 'client-certificate'),
    key: pem(user, 'client-key'),
    token: user.token,
  });
}

/** The text of a kubeconfig with one context, everything embedded. */
export function kubeconfigText(options: Omit<ClientConfig, 'servers'> & { name: string; server: string }): string {
  const { name, server, ca, cert, key, token, serverName } = options;
  const base64 = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : Buffer.from(text).toString('base64');
  const cluster = withoutUndefined({
    'certificate-authority-data': base64(ca),
    server,
    'tls-server-name': serverName,
  });
  const user = withoutUndefined({
    'client-certificate-data': base64(cert),
    'client-key-data': base64(key),
    token,
  });
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  });
}

function withoutUndefined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
