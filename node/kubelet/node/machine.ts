/** Facts about the machine that the kubelet runs on. */
import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { arch, availableParallelism, hostname, networkInterfaces, release, totalmem } from 'node:os';

export interface Machine {
  readonly hostname: string;
  /** In Kubernetes' (Go's) words: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export function readMachine(): Machine {
  const machineId = firstOf(['/etc/machine-id', '/var/lib/dbus/machine-id']);
  return {
    hostname: hostname().toLowerCase(),
    architecture:
      new Map([
        ['x64', 'amd64'],
        ['ia32', '386'],
      ]).get(arch()) ?? arch(),
    kernelVersion: release(),
    osImage: osImage(),
    machineId: machineId.replaceAll('-', ''),
    systemUuid: firstOf(['/sys/class/dmi/id/product_uuid']) || machineId,
    bootId: firstOf(['/proc/sys/kernel/random/boot_id']),
    cpuMilli: availableParallelism() * 1000,
    memoryBytes: memoryBytes(),
  };
}

/** The address of the interface that other machines reach this one by: the first that is not loopback, IPv4 preferred. */
export function defaultAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (outside.find(({ family }) => family === 'IPv4') ?? outside[0])?.address;
}

/** Total and free bytes of the file system that a directory lies on. */
export async function diskOf(directory: string): Promise<{ total: number; free: number }> {
  const { blocks, bavail, bsize } = await statfs(directory);
  return { total: blocks * bsize, free: bavail * bsize };
}

/** What may be used without swapping, as the kernel estimates it. */
export function availableMemory(): number {
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo'));
  return match ? Number(match[1]) * 1024 : totalmem();
}

/** A container's limit counts where it is below what the machine has. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

function osImage(): string {
  const match = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(read('/etc/os-release'));
  return match?.[1] ?? 'Unknown';
}

function firstOf(paths: readonly string[]): string {
  return paths.map((path) => read(path).trim()).find((text) => text !== '') ?? '';
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
