/**
 * Runs in a network namespace of its own (`unshare --net`), driven over IPC by `proxy-namespace.ts`: pods that answer with their
 * address on TCP and UDP, a mode of kube-proxy, and clients.
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { createLogger } from '../../master/api/logging.ts';
import { endpointChains } from '../../node/proxy/iptables/endpoint-chains.ts';
import { IptablesMode } from '../../node/proxy/iptables/iptables-mode.ts';
import type { ProxyMode } from '../../node/proxy/mode.ts';
import { UserspaceMode } from '../../node/proxy/userspace/userspace-mode.ts';
import type { WorldRequest } from './proxy-namespace.ts';

const execute = promisify(execFile);
const ip = (...args: string[]) => execute('ip', args);
const patienceMs = 5_000;
const clusterCidr = '10.244.0.0/16';
const common = { clusterCidr, podCidr: () => '10.244.1.0/24', logger: createLogger('kube-proxy', 'warn') };
const modes: Readonly<Record<string, () => ProxyMode>> = {
  iptables: () => new IptablesMode({ ...common, spread: endpointChains({ clusterCidr, balance: 'nth' }) }),
  userspace: () => new UserspaceMode({ ...common, nodeIp: () => '192.0.2.1' }),
};

let mode: ProxyMode | undefined;

async function carryOut(request: WorldRequest): Promise<string> {
  switch (request.do) {
    case 'pod':
      return await startPod(request.address, request.port);
    case 'sync':
      mode ??= modes[request.mode]?.();
      await mode?.sync(request.states, { verify: false });
      return '';
    case 'tcp':
      return await askTcp(request.address, request.port);
    case 'udp':
      return await askUdp(request.address, request.port);
    case 'rules':
      return (await execute('iptables-save')).stdout;
  }
}

async function startPod(address: string, port: number): Promise<string> {
  await ip('address', 'add', `${address}/32`, 'dev', 'lo');
  // The whole of what the client sends is read before it is answered, so that half-closed connections are tried too.
  const tcp = createServer({ allowHalfOpen: true }, (client) => {
    let said = '';
    client.setEncoding('utf8').on('data', (part) => {
      said += part;
    });
    client.on('end', () => client.end(`${said} from ${address}`)).on('error', () => {});
  });
  await once(tcp.listen(port, address), 'listening');
  const udp = createSocket('udp4', (bytes, client) =>
    udp.send(`${bytes} from ${address}`, client.port, client.address),
  );
  await once(udp.bind(port, address), 'listening');
  return '';
}

async function askTcp(host: string, port: number): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true, signal: AbortSignal.timeout(patienceMs) });
  socket.end('hello');
  return await text(socket);
}

async function askUdp(host: string, port: number): Promise<string> {
  const socket = createSocket('udp4');
  try {
    socket.connect(port, host);
    await once(socket, 'connect');
    socket.send('hello');
    const [bytes] = await once(socket, 'message', { signal: AbortSignal.timeout(patienceMs) });
    return String(bytes);
  } finally {
    socket.close();
  }
}

await ip('link', 'set', 'lo', 'up');
await ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'outside');
await ip('link', 'set', 'outside', 'up');
await ip('link', 'set', 'eth0', 'up');
await ip('address', 'add', '192.0.2.1/24', 'dev', 'eth0');
await ip('route', 'add', 'default', 'via', '192.0.2.254');
process.on('message', (request: WorldRequest) => {
  carryOut(request).then(
    (result) => process.send?.({ id: request.id, result }),
    (error) => process.send?.({ id: request.id, error: String(error.code ?? error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, result: 'ready' });
