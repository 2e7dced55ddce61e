/**
 * The file that says which resources are encrypted at rest, and with which keys: Kubernetes' EncryptionConfiguration
 * (https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/). The providers are aesgcm, aescbc and identity.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { kinds } from '../../../api/kinds.ts';
import { listPrefix, rootPrefix } from '../keys.ts';
import { aesCbc, aesGcm, type Cipher } from './ciphers.ts';

/** What the values under a prefix may be sealed with. The first row writes, all read. */
export interface SealingRule {
  readonly prefix: string;
  /** Given: only custom resources of this group. */
  readonly group?: string;
  readonly keys: readonly SealingKey[];
}

/** `head` is what a value begins with that was sealed with this key; '' with no cipher for what is not sealed. */
export interface SealingKey {
  readonly head: string;
  readonly cipher?: Cipher;
}

interface KeyList {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[];
}

interface ConfigurationFile {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly resources?: readonly {
    readonly resources?: readonly string[];
    readonly providers?: readonly Readonly<Record<string, KeyList | null>>[];
  }[];
}

const ciphers: Readonly<Record<string, (secret: Buffer) => Cipher>> = { aesgcm: aesGcm, aescbc: aesCbc };

/** Throws an Error that says what is wrong with the file. */
export function readConfiguration(path: string): SealingRule[] {
  try {
    return parseConfiguration(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`--encryption-provider-config ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The rules in a YAML or JSON text, of which the first whose prefix fits counts. */
export function parseConfiguration(text: string): SealingRule[] {
  const file: ConfigurationFile | null = parse(text);
  if (file?.kind !== 'EncryptionConfiguration' || file.apiVersion !== 'apiserver.config.k8s.io/v1') {
    throw new Error('it must be an EncryptionConfiguration of apiserver.config.k8s.io/v1');
  }
  const { resources = [] } = file;
  if (resources.length === 0) throw new Error('resources: at least one entry is needed');
  return resources.flatMap(({ resources: names = [], providers = [] }, index) => {
    const at = `resources[${index}]`;
    if (names.length === 0) throw new Error(`${at}.resources: at least one resource is needed`);
    if (providers.length === 0) throw new Error(`${at}.providers: at least one provider is needed`);
    const keys = providers.flatMap((provider, place) => keysOf(provider, `${at}.providers[${place}]`));
    return names.flatMap(placesOf).map((place) => ({ ...place, keys }));
  });
}

function keysOf(provider: Readonly<Record<string, KeyList | null>>, at: string): SealingKey[] {
  const [name = '', ...others] = Object.keys(provider);
  if (name === '' || others.length > 0) throw new Error(`${at}: exactly one provider is needed`);
  if (name === 'identity') return [{ head: '' }];
  const cipherOf = ciphers[name];
  if (!cipherOf) throw new Error(`${at}: ${name} is not one of ${[...Object.keys(ciphers), 'identity'].join(', ')}`);
  const keys = provider[name]?.keys ?? [];
  if (keys.length === 0) throw new Error(`${at}.${name}.keys: at least one key is needed`);
  return keys.map(({ name: keyName = '', secret = '' }, index) => {
    const where = `${at}.${name}.keys[${index}]`;
    if (keyName === '' || keyName.includes(':')) throw new Error(`${where}.name: a name without colons is needed`);
    try {
      return { head: `k8s:enc:${name}:v1:${keyName}:`, cipher: cipherOf(Buffer.from(secret, 'base64')) };
    } catch (error) {
      throw new Error(`${where}.secret: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

/** Where the objects of `secrets`, `deployments.apps`, `widgets.example.com`, `*.apps`, `*.` (the core group) or `*.*` lie. */
function placesOf(name: string): Pick<SealingRule, 'prefix' | 'group'>[] {
  if (name === '*.*') return [{ prefix: rootPrefix }];
  const dot = name.indexOf('.');
  const resource = dot < 0 ? name : name.slice(0, dot);
  const group = dot < 0 ? '' : name.slice(dot + 1);
  const known = Object.values(kinds).filter((kind) => kind.group === group);
  if (resource === '*') {
    const builtin = known.map((kind) => ({ prefix: listPrefix(kind.resource) }));
    return group === '' ? builtin : [...builtin, { prefix: rootPrefix, group }];
  }
  if (known.some((kind) => kind.resource === resource)) return [{ prefix: listPrefix(resource) }];
  if (group === '') throw new Error(`resources: the server has no ${name}`);
  return [{ prefix: listPrefix(name) }];
}
