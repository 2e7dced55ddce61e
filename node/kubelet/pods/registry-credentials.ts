/**
 * With which credentials a pod's images are pulled: those of its imagePullSecrets that are for the image's registry (Kubernetes, "Images",
 * "Config.json"; `*` stands for a part of a host's name). Pure.
 */
import type { Pod, Secret } from '../../../master/api/types.ts';
import type { RegistryAuth } from '../../runtime/runtime.ts';
import { namespaceOf } from './pod.ts';

/** The registry of images that name none. */
const defaultRegistry = 'index.docker.io';

export interface PullCredentials {
  /** Those for the image, the most special first. */
  readonly auths: readonly RegistryAuth[];
  /** The secrets that are not there. */
  readonly missing: readonly string[];
}

export function pullCredentials(
  pod: Pod,
  image: string,
  secretOf: (namespace: string, name: string) => Secret | undefined,
): PullCredentials {
  const missing: string[] = [];
  const auths: RegistryAuth[] = [];
  for (const { name = '' } of pod.spec?.imagePullSecrets ?? []) {
    const secret = secretOf(namespaceOf(pod), name);
    if (secret) auths.push(...authsOf(secret).filter(({ serveraddress }) => isFor(serveraddress, image)));
    else if (name) missing.push(name);
  }
  const length = ({ serveraddress }: RegistryAuth): number => serveraddress.length;
  return { auths: auths.sort((a, b) => length(b) - length(a)), missing };
}

/** All that a secret holds; one that cannot be read holds nothing. */
function authsOf({ type, data = {} }: Secret): RegistryAuth[] {
  try {
    const read = (key: string): unknown => JSON.parse(Buffer.from(data[key] ?? '', 'base64').toString('utf8'));
    const whole =
      type === 'kubernetes.io/dockerconfigjson' ? entry(read('.dockerconfigjson')).auths : read('.dockercfg');
    return Object.entries(entry(whole)).map(([server, value]) => authOf(server, entry(value)));
  } catch {
    return [];
  }
}

function authOf(server: string, { username, password, auth }: Record<string, unknown>): RegistryAuth {
  const [user = '', ...rest] = Buffer.from(text(auth), 'base64').toString('utf8').split(':');
  const serveraddress = addressOf(server);
  if (text(auth) === '') return { serveraddress, username: text(username), password: text(password) };
  return { serveraddress, username: user, password: rest.join(':').replaceAll('\0', '') };
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const entry = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/** Without its scheme, and without the version of the registry's protocol that old configurations have. */
const addressOf = (server: string): string =>
  server
    .replace(/^https?:\/\//, '')
    .replace(/^([^/]+)\/v[12](\/|$)/, '$1/')
    .replace(/\/$/, '');

/** Whether credentials for the address, a host or a part of its repositories, are for the image. */
function isFor(address: string, image: string): boolean {
  const [first = ''] = image.split('/');
  const isNamed = image.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const isDefault = !isNamed || first === 'docker.io' || first === defaultRegistry;
  if (isDefault && address === defaultRegistry) return true;
  if (!isNamed) return false;
  const [host = '', ...path] = address.split('/');
  const [imageHost = '', ...imagePath] = image.split('/');
  return isHostFor(host, imageHost) && imagePath.join('/').startsWith(path.join('/'));
}

function isHostFor(pattern: string, host: string): boolean {
  const [name = '', port = ''] = pattern.split(':');
  const [imageName = '', imagePort = ''] = host.split(':');
  const parts = name.split('.');
  const imageParts = imageName.split('.');
  if (port !== imagePort || parts.length !== imageParts.length) return false;
  return parts.every((part, i) => globOf(part).test(imageParts[i] ?? ''));
}

const globOf = (part: string): RegExp => new RegExp(`^${part.replace(/[^\w*-]/g, '\\$&').replaceAll('*', '[^.]*')}$`);
