/**
 * Ports of loopback for what tests start. They stay the caller's while its process lives, also when nobody listens on them for a
 * while: a server that is killed finds its port again.
 *
 * They lie below those that the system gives to outgoing connections (from 32768 on Linux; a connection that took a port keeps a
 * server from listening there, for a minute after its end too), and below those of local clusters and node ports. Processes that
 * run side by side share them out in blocks: who listens on the first port of a block has the block, until it ends.
 */
import { createServer, type Server } from 'node:net';

const first = 12_000;
const end = 20_000;
const blockSize = 100;

/** Kept, so that they go on listening. */
const blocks: Server[] = [];
let next = 0;
let blockEnd = 0;
/** One caller after the other. */
let turn: Promise<unknown> = Promise.resolve();

/** So many that nobody listens on, all different, and different from all that were given before. */
export function freePorts(count: number): Promise<number[]> {
  const ports = turn.then(async () => {
    const taken: number[] = [];
    while (taken.length < count) taken.push(await takeOne());
    return taken;
  });
  turn = ports.catch(() => undefined);
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function takeOne(): Promise<number> {
  for (;;) {
    if (next === blockEnd) await takeBlock();
    const port = next++;
    const server = await listen(port);
    if (!server) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** Throws an Error when every block is taken. */
async function takeBlock(): Promise<void> {
  const count = (end - first) / blockSize;
  const start = process.pid % count;
  for (let tries = 0; tries < count; tries += 1) {
    const port = first + ((start + tries) % count) * blockSize;
    const block = await listen(port);
    if (!block) continue;
    block.unref();
    blocks.push(block);
    next = port + 1;
    blockEnd = port + blockSize;
    return;
  }
  throw new Error(`no ports are left between ${first} and ${end} of 127.0.0.1`);
}

/** Undefined when somebody else does. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
