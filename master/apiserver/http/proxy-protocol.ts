/**
 * The PROXY protocol, taken from balancers that tell who their client is
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and 2).
 *
 * Only trusted peers may speak it, since whoever does can name any address. They need not: a TLS hello cannot be mistaken for a
 * header, so those who connect directly from a trusted address are served as ever. From others a header is no TLS hello, and
 * ends their connection.
 */
import { BlockList, createServer, isIP, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** How long a peer may take to begin. */
const headerMs = 10_000;

/** Whether a peer's address is trusted. */
export type TrustedPeers = (address: string) => boolean;

/** Reads `on`, `off` (undefined), or addresses and networks with commas. Throws for anything else. */
export function parseTrustedPeers(text: string): TrustedPeers | undefined {
  if (text === 'off' || text === '') return undefined;
  if (text === 'on') return () => true;
  const list = new BlockList();
  for (const entry of text.split(',').map((part) => part.trim())) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address);
    if (family === 0) throw new Error(`${entry} is neither an address nor a network, as 10.0.0.0/8`);
    const kind = family === 4 ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, kind);
    else list.addSubnet(address, Number(prefix), kind);
  }
  return (address) => list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}

const clients = new WeakMap<TLSSocket, string>();

/** Whom a connection comes from: the client that a balancer named, or the peer. */
export function clientAddress(socket: TLSSocket): string {
  return clients.get(socket) ?? plainAddress(socket.remoteAddress);
}

/**
 * A listener that takes headers off and hands the connections to a TLS server, which does not listen itself.
 */
export function behindBalancers(tls: Server, trusted: TrustedPeers): Server {
  /** Addresses of clients whose TLS handshake is not over, by the peer's end of the connection. */
  const named = new Map<string, string>();
  tls.on('secureConnection', (socket: TLSSocket) => {
    const client = named.get(endOf(socket));
    if (client !== undefined) clients.set(socket, client);
  });
  return createServer({ noDelay: true }, (socket) => {
    if (!trusted(plainAddress(socket.remoteAddress))) {
      tls.emit('connection', socket);
      return;
    }
    const end = endOf(socket);
    takeHeader(socket, (client) => {
      if (client !== undefined) {
        named.set(end, client);
        socket.once('close', () => named.delete(end));
      }
      tls.emit('connection', socket);
    });
  });
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/** Reads the header, if there is one, and leaves what follows in the socket. A wrong one ends the connection. */
function takeHeader(socket: Socket, then: (client: string | undefined) => void): void {
  let read = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), headerMs);
  const drop = (): void => void socket.destroy();
  const done = (): void => {
    clearTimeout(timer);
    socket.off('readable', onReadable);
    socket.off('error', drop);
    socket.off('close', done);
    socket.off('end', drop);
  };
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) read = Buffer.concat([read, chunk]);
    const header = readHeader(read);
    if (header === 'more') return;
    done();
    if (header === 'wrong') {
      socket.destroy();
      return;
    }
    const rest = read.subarray(header.length);
    if (rest.length > 0) socket.unshift(rest);
    then(header.client);
  };
  socket.on('readable', onReadable);
  socket.on('error', drop);
  socket.on('end', drop);
  socket.on('close', done);
}

export interface Header {
  /** Bytes. */
  readonly length: number;
  /** undefined: the balancer speaks for itself (a health check), or there is no header. */
  readonly client: string | undefined;
}

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const textStart = Buffer.from('PROXY ');
/** The longest header of version 1. */
const textLimit = 107;
const tcp4 = 0x11;
const tcp6 = 0x21;

/** What the first bytes of a connection are. */
export function readHeader(bytes: Buffer): Header | 'more' | 'wrong' {
  if (bytes.length === 0) return 'more';
  if (begins(bytes, signature)) return bytes.length < 16 ? 'more' : readBinary(bytes);
  if (begins(bytes, textStart)) return bytes.length < textStart.length ? 'more' : readText(bytes);
  return { length: 0, client: undefined };
}

/** Whether the bytes are a beginning of the pattern, or begin with it. */
function begins(bytes: Buffer, pattern: Buffer): boolean {
  const length = Math.min(bytes.length, pattern.length);
  return bytes.compare(pattern, 0, length, 0, length) === 0;
}

function readText(bytes: Buffer): Header | 'more' | 'wrong' {
  const end = bytes.subarray(0, textLimit).indexOf('\r\n');
  if (end < 0) return bytes.length >= textLimit ? 'wrong' : 'more';
  const [, family, client = '', , ...ports] = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { length, client: undefined };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1;
  if (isIP(client) !== version || ports.length !== 2) return 'wrong';
  return { length, client };
}

function readBinary(bytes: Buffer): Header | 'more' | 'wrong' {
  const length = 16 + bytes.readUInt16BE(14);
  const command = bytes[12];
  if (command !== 0x20 && command !== 0x21) return 'wrong';
  if (bytes.length < length) return 'more';
  const family = bytes[13];
  if (command === 0x20 || (family !== tcp4 && family !== tcp6)) return { length, client: undefined };
  if (length < 16 + (family === tcp4 ? 12 : 36)) return 'wrong';
  const client = family === tcp4 ? bytes.subarray(16, 20).join('.') : ipv6Text(bytes.subarray(16, 32));
  return { length, client };
}

function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** An IPv4 peer of a dual-stack socket is an IPv4 peer. */
const plainAddress = (address = ''): string => address.replace(/^::ffff:(?=\d+\.)/, '');
