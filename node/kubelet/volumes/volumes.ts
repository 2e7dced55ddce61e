/**
 * The volumes of this node's pods, as directories under `<root>/pods/<uid>/volumes`, laid out as Kubernetes lays them out.
 *
 * Guarantees: `setUp` may be called again and again and brings files from the API up to date; `tearDown` removes everything of a
 * pod and nothing else: what a hostPath shows is never touched.
 */
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../../../master/api/logging.ts';
import { quantityToNumber } from '../../../master/api/quantity.ts';
import type { Container, Pod, Volume } from '../../../master/api/types.ts';
import type { Mount } from '../../runtime/runtime.ts';
import { hostnameOf } from '../pods/container-config.ts';
import { fullNameOf } from '../pods/dns.ts';
import { ConfigError, type Variable } from '../pods/environment.ts';
import { expand } from '../pods/expand.ts';
import { uidOf } from '../pods/pod.ts';
import { writePayload } from './atomic-writer.ts';
import { isInside } from './is-inside.ts';
import { type PayloadContext, payloadOf } from './payloads.ts';

const run = promisify(execFile);

/** A volume could not be made: the pod waits, and an event says why. */
export class MountError extends Error {
  override readonly name = 'MountError';
  readonly volume: string;

  constructor(volume: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.volume = volume;
  }
}

export class Volumes {
  readonly #podsDirectory: string;
  readonly #clusterDomain: string;
  readonly #logger: Logger;

  constructor(options: { rootDirectory: string; clusterDomain?: string; logger: Logger }) {
    this.#podsDirectory = join(options.rootDirectory, 'pods');
    this.#clusterDomain = options.clusterDomain ?? 'cluster.local';
    this.#logger = options.logger;
  }

  /** Makes or updates every volume of the pod, and gives their directories by name. Throws MountError. */
  async setUp(pod: Pod, context: PayloadContext): Promise<Map<string, string>> {
    const paths = new Map<string, string>();
    for (const volume of pod.spec?.volumes ?? []) {
      try {
        paths.set(volume.name, await this.#setUpOne(pod, volume, context));
      } catch (error) {
        throw new MountError(volume.name, error);
      }
    }
    return paths;
  }

  /** The mounts of one container: its volumes, /etc/hosts and the file for its last words. */
  async mountsOf(
    pod: Pod,
    container: Container,
    options: { paths: ReadonlyMap<string, string>; variables: readonly Variable[]; attempt: number; podIp: string },
  ): Promise<{ mounts: Mount[]; terminationMessageFile: string }> {
    const values = new Map(options.variables.map(({ name, value }) => [name, value]));
    const mounts: Mount[] = [];
    for (const mount of container.volumeMounts ?? []) {
      const base = options.paths.get(mount.name);
      if (base === undefined)
        throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
      if (mount.recursiveReadOnly === 'Enabled') {
        const why = `volume "${mount.name}" requested recursive read-only mode, but it is not supported by the runtime`;
        throw new ConfigError(`failed to resolve recursive read-only mode: ${why}`);
      }
      const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => values.get(name)) : mount.subPath;
      const propagation = propagations[mount.mountPropagation ?? ''];
      mounts.push({
        source: subPath ? await within(base, subPath) : base,
        target: mount.mountPath,
        readOnly: (mount.readOnly ?? false) || isReadOnly(pod, mount.name),
        ...(propagation ? { propagation } : {}),
      });
    }
    if (!mounts.some(({ target }) => target === '/etc/hosts')) {
      mounts.push({ source: await this.#hostsFile(pod, options.podIp), target: '/etc/hosts', readOnly: false });
    }
    const terminationMessageFile = join(
      this.#podDirectory(uidOf(pod)),
      'containers',
      container.name,
      String(options.attempt),
    );
    await mkdir(dirname(terminationMessageFile), { recursive: true });
    await writeFile(terminationMessageFile, '');
    await chmod(terminationMessageFile, 0o666);
    mounts.push({
      source: terminationMessageFile,
      target: container.terminationMessagePath || '/dev/termination-log',
      readOnly: false,
    });
    return { mounts, terminationMessageFile };
  }

  /** Removes everything of the pod. */
  async tearDown(uid: string): Promise<void> {
    const directory = this.#podDirectory(uid);
    const memory = join(directory, 'volumes', 'kubernetes.io~empty-dir');
    for (const name of await readdir(memory).catch(() => [])) await unmount(join(memory, name));
    await rm(directory, { recursive: true, force: true });
  }

  /** The pods that have a directory here, by uid. */
  async known(): Promise<string[]> {
    return await readdir(this.#podsDirectory).catch(() => []);
  }

  #podDirectory(uid: string): string {
    // Invariant: a uid is one name; anything else would lead out of the pods' directory.
    if (!/^[A-Za-z0-9-]+$/.test(uid)) throw new Error(`not a pod's uid: ${JSON.stringify(uid)}`);
    return join(this.#podsDirectory, uid);
  }

  async #setUpOne(pod: Pod, volume: Volume, context: PayloadContext): Promise<string> {
    if (volume.hostPath) return await hostPath(volume.hostPath);
    const plugin = pluginOf(volume);
    const directory = join(this.#podDirectory(uidOf(pod)), 'volumes', `kubernetes.io~${plugin}`, volume.name);
    const group = pod.spec?.securityContext?.fsGroup;
    const payload = payloadOf(pod, volume, context);
    if (payload) await writePayload(directory, payload, group);
    else await this.#emptyDir(volume, directory, group);
    return directory;
  }

  async #emptyDir(volume: Volume, directory: string, group: number | undefined): Promise<void> {
    if (await exists(directory)) return;
    await mkdir(directory, { recursive: true });
    const { medium, sizeLimit } = volume.emptyDir ?? {};
    if (medium === 'Memory') await this.#mountMemory(directory, sizeLimit);
    await chmod(directory, group === undefined ? 0o777 : 0o2777);
    if (group !== undefined) await chown(directory, -1, group).catch(() => {});
  }

  async #mountMemory(directory: string, sizeLimit: string | undefined): Promise<void> {
    const size = sizeLimit === undefined ? [] : ['-o', `size=${Math.ceil(quantityToNumber(sizeLimit))}`];
    try {
      await run('mount', ['-t', 'tmpfs', ...size, 'tmpfs', directory]);
    } catch (error) {
      this.#logger.warn({ err: error, directory }, 'cannot mount memory here: the volume lies on disk');
    }
  }

  async #hostsFile(pod: Pod, podIp: string): Promise<string> {
    const path = join(this.#podDirectory(uidOf(pod)), 'etc-hosts');
    const text = pod.spec?.hostNetwork ? await hostsOfNode(pod) : hostsText(pod, podIp, this.#clusterDomain);
    await mkdir(dirname(path), { recursive: true });
    // Written in place: a container that runs has this very file mounted.
    if ((await readFile(path, 'utf8').catch(() => undefined)) !== text) await writeFile(path, text);
    return path;
  }
}

const propagations: Readonly<Record<string, Mount['propagation']>> = {
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

/** A claim may say so for all containers of the pod. */
const isReadOnly = (pod: Pod, volume: string): boolean =>
  pod.spec?.volumes?.find(({ name }) => name === volume)?.persistentVolumeClaim?.readOnly ?? false;

function pluginOf(volume: Volume): string {
  if (volume.emptyDir) return 'empty-dir';
  if (volume.configMap) return 'configmap';
  if (volume.secret) return 'secret';
  if (volume.downwardAPI) return 'downward-api';
  if (volume.projected) return 'projected';
  const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
  throw new Error(`no volume plugin matched: ${kind} is not supported`);
}

async function hostPath({ path, type = '' }: NonNullable<Volume['hostPath']>): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  const complain = (what: string): never => {
    throw new Error(`hostPath type check failed: ${path} is not a ${what}`);
  };
  switch (type) {
    case 'DirectoryOrCreate':
      if (!found) await mkdir(path, { recursive: true, mode: 0o755 });
      else if (!found.isDirectory()) complain('directory');
      break;
    case 'FileOrCreate':
      if (!found) await writeFile(path, '', { mode: 0o644 });
      else if (!found.isFile()) complain('file');
      break;
    case 'Directory':
      if (!found?.isDirectory()) complain('directory');
      break;
    case 'File':
      if (!found?.isFile()) complain('file');
      break;
    case 'Socket':
      if (!found?.isSocket()) complain('socket file');
      break;
    case 'CharDevice':
      if (!found?.isCharacterDevice()) complain('character device');
      break;
    case 'BlockDevice':
      if (!found?.isBlockDevice()) complain('block device');
      break;
    default:
      // No check; the engine makes a directory where nothing is.
      break;
  }
  return path;
}

/** The path of a subPath, made when it is not there. Throws when it leads out of the volume, also through links. */
async function within(base: string, subPath: string): Promise<string> {
  const path = resolve(base, subPath);
  const refuse = (): never => {
    throw new ConfigError(`failed to prepare subPath "${subPath}": it leads out of the volume`);
  };
  if (!isInside(base, path)) refuse();
  if (!(await exists(path))) await mkdir(path, { recursive: true });
  const real = await realpath(path);
  if (!isInside(await realpath(base), real)) refuse();
  return real;
}

function hostsText(pod: Pod, podIp: string, domain: string): string {
  const hostname = hostnameOf(pod);
  const full = fullNameOf(pod, domain);
  const lines = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(podIp ? [`${podIp}\t${full === undefined ? '' : `${full}\t`}${hostname}`] : []),
  ];
  return `${lines.join('\n')}\n${aliases(pod)}`;
}

async function hostsOfNode(pod: Pod): Promise<string> {
  const own = await readFile('/etc/hosts', 'utf8').catch(() => '');
  return `# Kubernetes-managed hosts file (host network).\n${own}${aliases(pod)}`;
}

function aliases(pod: Pod): string {
  const entries = pod.spec?.hostAliases ?? [];
  if (entries.length === 0) return '';
  const lines = entries.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  return `\n# Entries added by HostAliases.\n${lines.join('\n')}\n`;
}

async function unmount(directory: string): Promise<void> {
  const [own, parent] = await Promise.all([stat(directory), stat(dirname(directory))]);
  if (own.dev !== parent.dev) await run('umount', ['-l', directory]);
}

const exists = async (path: string): Promise<boolean> =>
  await stat(path).then(
    () => true,
    () => false,
  );
