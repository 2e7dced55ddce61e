/**
 * The master of `balancer.ts`, a process of its own so that its processor time is not the balancer's. The first byte of a
 * connection says what it is for: `d<count>\n` asks for so many bytes, `u` uploads until its end, `e` is answered chunk for
 * chunk, and a TLS hello is a health check.
 */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { makeCredentials } from '../unit/lb/support.ts';

const { cert, key } = await makeCredentials();
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const checks = createTlsServer({ cert, key }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', () => socket.write(answer));
});

const block = Buffer.alloc(1024 * 1024, 'x');

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  socket.on('error', () => {});
  socket.once('readable', () => {
    const first: Buffer | null = socket.read();
    if (first === null) return;
    const kind = String.fromCharCode(first[0] ?? 0);
    if (kind === 'd') send(socket, Number(first.subarray(1).toString()));
    else if (kind === 'u') socket.on('end', () => socket.end('done')).resume();
    else if (kind === 'e') echo(socket, first);
    else {
      socket.unshift(first);
      checks.emit('connection', socket);
    }
  });
});

function send(socket: Socket, count: number): void {
  let left = count;
  const pump = () => {
    while (left > 0) {
      const piece = left < block.length ? block.subarray(0, left) : block;
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
    socket.off('drain', pump).end();
  };
  socket.on('drain', pump).resume();
  pump();
}

function echo(socket: Socket, first: Buffer): void {
  const reply = block.subarray(0, 1_024);
  const onData = (bytes: Buffer) => socket.write(bytes.length > 1 ? reply : bytes);
  socket.on('data', onData).on('end', () => socket.end());
  onData(first);
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.send?.(address.port);
});
process.on('disconnect', () => process.exit());
