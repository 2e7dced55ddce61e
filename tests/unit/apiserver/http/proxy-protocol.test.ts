import test from 'ava';
import { proxyHeader } from '../../../../lb/proxy-protocol.ts';
import { parseTrustedPeers, readHeader } from '../../../../master/apiserver/http/proxy-protocol.ts';

const hello = Buffer.from([0x16, 0x03, 0x01, 0x02]);
const ends = (client: string, server: string) => ({
  client: { address: client, port: 4000 },
  server: { address: server, port: 6443 },
});

test('the header of a balancer, in either version, tells its client, and nothing of what follows is lost', (t) => {
  for (const version of ['v1', 'v2'] as const) {
    for (const [client, server] of [
      ['192.0.2.7', '10.0.0.1'],
      ['2001:db8::7', '2001:db8::1'],
    ] as const) {
      const header = proxyHeader(version, ends(client, server));
      t.deepEqual(readHeader(Buffer.concat([header, hello])), { length: header.length, client });
      for (let length = 0; length < header.length; length += 1) t.is(readHeader(header.subarray(0, length)), 'more');
    }
    const own = proxyHeader(version, undefined);
    t.deepEqual(readHeader(own), { length: own.length, client: undefined });
  }
});

test('a TLS hello is no header, and a wrong header is none', (t) => {
  t.deepEqual(readHeader(hello), { length: 0, client: undefined });
  t.is(readHeader(Buffer.from('PROXY TCP4 nonsense 10.0.0.1 1 2\r\n')), 'wrong');
  t.is(readHeader(Buffer.from(`PROXY ${'x'.repeat(200)}`)), 'wrong');
  const short = proxyHeader('v2', ends('192.0.2.7', '10.0.0.1')).subarray(0, 20);
  short.writeUInt16BE(4, 14);
  t.is(readHeader(short), 'wrong');
});

test('peers are trusted by address or network', (t) => {
  const trusted = parseTrustedPeers('10.0.0.0/8, 192.0.2.1,fd00::/8');
  t.deepEqual(
    ['10.1.2.3', '11.0.0.1', '192.0.2.1', 'fd00::1', 'fe80::1'].map((address) => trusted?.(address)),
    [true, false, true, true, false],
  );
  t.true(parseTrustedPeers('on')?.('1.2.3.4'));
  t.is(parseTrustedPeers('off'), undefined);
  t.throws(() => parseTrustedPeers('lb'), { message: /neither an address nor a network/ });
});
