/**
 * Which port each process of a local cluster has: a block of ports, laid out by master and node. Those of a master stay the same
 * as long as its data does, because etcd's members know one another by them.
 */
import { createServer } from 'node:net';

export interface MasterPorts {
  readonly apiserver: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly etcdMetrics: number;
  readonly scheduler: number;
  readonly controllerManager: number;
}

export interface NodePorts {
  readonly balancer: number;
  readonly kubelet: number;
  readonly kubeletHealthz: number;
  readonly proxyHealthz: number;
  readonly proxyMetrics: number;
}

export interface LocalPorts {
  readonly balancer: number;
  readonly balancerAdmin: number;
  readonly masters: readonly MasterPorts[];
  readonly nodes: readonly NodePorts[];
}

export interface PortWishes {
  readonly masters: number;
  /** Of the first masters, from an earlier start; the others get new ones. */
  readonly kept?: readonly MasterPorts[];
  readonly nodes: number;
  /** The balancer's port; in the block if left out. */
  readonly port?: number | undefined;
  /** Where the block begins; a free one is looked for if left out. */
  readonly basePort?: number | undefined;
}

/** Below the node ports, and below the range from which systems take the ports of outgoing connections. */
const firstBase = 20_000;
const lastBase = 29_800;
/** A block's first ports are the balancer's, which listens all the time: so no two clusters take the same block. */
const blockSize = 200;

/** Ports that are all free now. Throws an Error that names one that is not. */
export async function choosePorts(wishes: PortWishes): Promise<LocalPorts> {
  if (wishes.basePort !== undefined) {
    const ports = layout(wishes, wishes.basePort);
    const taken = await firstTaken(ports);
    if (taken !== undefined)
      throw new Error(`port ${taken} of 127.0.0.1 is in use; --port and --base-port move the cluster`);
    return ports;
  }
  if (wishes.port !== undefined && (await isTaken(wishes.port))) {
    throw new Error(`port ${wishes.port} of 127.0.0.1 is in use; --port takes another`);
  }
  for (let tries = 0; tries < 50; tries += 1) {
    const ports = layout(
      wishes,
      firstBase + blockSize * Math.floor((Math.random() * (lastBase - firstBase)) / blockSize),
    );
    if ((await firstTaken(ports)) === undefined) return ports;
  }
  throw new Error('no free block of ports was found on 127.0.0.1');
}

/** Ports for one more master, besides those that are taken by the cluster or by others. */
export async function chooseMasterPorts(taken: LocalPorts): Promise<MasterPorts> {
  const own = new Set(all(taken));
  let next = Math.max(...own) + 1;
  for (let tries = 0; tries < 50; tries += 1) {
    const ports = masterPorts(() => next++);
    const free = await Promise.all(Object.values<number>({ ...ports }).map(async (port) => !(await isTaken(port))));
    if (free.every(Boolean)) return ports;
  }
  throw new Error('no free ports were found on 127.0.0.1');
}

export function layout({ masters, kept = [], nodes, port }: PortWishes, basePort: number): LocalPorts {
  const avoid = new Set(kept.flatMap((each) => Object.values<number>({ ...each })));
  let next = basePort;
  const take = (): number => {
    while (avoid.has(next)) next += 1;
    return next++;
  };
  return {
    balancer: port ?? take(),
    balancerAdmin: take(),
    masters: Array.from({ length: masters }, (_, place) => kept[place] ?? masterPorts(take)),
    nodes: Array.from({ length: nodes }, () => ({
      balancer: take(),
      kubelet: take(),
      kubeletHealthz: take(),
      proxyHealthz: take(),
      proxyMetrics: take(),
    })),
  };
}

function masterPorts(take: () => number): MasterPorts {
  return {
    apiserver: take(),
    etcdClient: take(),
    etcdPeer: take(),
    etcdMetrics: take(),
    scheduler: take(),
    controllerManager: take(),
  };
}

function all({ balancer, balancerAdmin, masters, nodes }: LocalPorts): number[] {
  return [balancer, balancerAdmin, ...[...masters, ...nodes].flatMap((each) => Object.values<number>({ ...each }))];
}

async function firstTaken(ports: LocalPorts): Promise<number | undefined> {
  const checked = await Promise.all(all(ports).map(async (port) => ({ port, taken: await isTaken(port) })));
  return checked.find(({ taken }) => taken)?.port;
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
}
