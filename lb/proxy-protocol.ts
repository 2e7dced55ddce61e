/**
 * The PROXY protocol's header, which tells a backend who the client is
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt). The backend must expect it: it comes before the TLS hello.
 */
import { isIP, type Socket } from 'node:net';

export type ProxyProtocol = 'v1' | 'v2';

/** The two ends of a client's connection. */
export interface Ends {
  readonly client: End;
  readonly server: End;
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** undefined: the connection is gone. */
export function endsOf(client: Socket): Ends | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = client;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  if (localAddress === undefined || localPort === undefined) return undefined;
  return {
    client: { address: plain(remoteAddress), port: remotePort },
    server: { address: plain(localAddress), port: localPort },
  };
}

/** The header of a client's connection; without `ends` that of a connection of the balancer's own, a health check. */
export function proxyHeader(version: ProxyProtocol, ends: Ends | undefined): Buffer {
  return version === 'v1' ? textHeader(ends) : binaryHeader(ends);
}

function textHeader(ends: Ends | undefined): Buffer {
  if (ends === undefined) return Buffer.from('PROXY UNKNOWN\r\n');
  const { client, server } = ends;
  const family = isIP(client.address) === 4 ? 'TCP4' : 'TCP6';
  return Buffer.from(`PROXY ${family} ${client.address} ${server.address} ${client.port} ${server.port}\r\n`);
}

const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
const command = { local: 0x20, proxy: 0x21 } as const;
const family = { unspecified: 0x00, tcp4: 0x11, tcp6: 0x21 } as const;

function binaryHeader(ends: Ends | undefined): Buffer {
  if (ends === undefined) return Buffer.from([...signature, command.local, family.unspecified, 0, 0]);
  const { client, server } = ends;
  const addresses = [...addressBytes(client.address), ...addressBytes(server.address)];
  const ports = [client.port >> 8, client.port & 0xff, server.port >> 8, server.port & 0xff];
  const kind = isIP(client.address) === 4 ? family.tcp4 : family.tcp6;
  return Buffer.from([...signature, command.proxy, kind, 0, addresses.length + ports.length, ...addresses, ...ports]);
}

function addressBytes(address: string): number[] {
  if (isIP(address) === 4) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':').flatMap(groupBytes));
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

/** Two bytes; four for an IPv4 address at the end of an IPv6 one. */
function groupBytes(group: string): number[] {
  if (group.includes('.')) return group.split('.').map(Number);
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

/** An IPv4 client of a dual-stack socket is an IPv4 client; a zone says nothing to others. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
}
