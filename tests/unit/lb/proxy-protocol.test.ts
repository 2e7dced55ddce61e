import test from 'ava';
import { proxyHeader } from '../../../lb/proxy-protocol.ts';

const v4 = { client: { address: '192.0.2.7', port: 50_000 }, server: { address: '10.0.0.1', port: 6443 } };
const v6 = { client: { address: '2001:db8::7', port: 50_000 }, server: { address: '::1', port: 6443 } };

test('version 1 is a line of text', (t) => {
  t.is(proxyHeader('v1', v4).toString(), 'PROXY TCP4 192.0.2.7 10.0.0.1 50000 6443\r\n');
  t.is(proxyHeader('v1', v6).toString(), 'PROXY TCP6 2001:db8::7 ::1 50000 6443\r\n');
  t.is(proxyHeader('v1', undefined).toString(), 'PROXY UNKNOWN\r\n');
});

const signature = '0d0a0d0a000d0a515549540a';

test('version 2 is binary, and a check of the balancer itself is LOCAL', (t) => {
  t.is(proxyHeader('v2', v4).toString('hex'), `${signature}2111000cc00002070a000001c350192b`);
  t.is(
    proxyHeader('v2', v6).toString('hex'),
    `${signature}2121002420010db8000000000000000000000007${'00'.repeat(15)}01c350192b`,
  );
  t.is(proxyHeader('v2', undefined).toString('hex'), `${signature}20000000`);
});

test('version 2 writes every form of an IPv6 address', (t) => {
  const bytesOf = (address: string) =>
    proxyHeader('v2', { ...v6, client: { address, port: 1 } })
      .subarray(16, 32)
      .toString('hex');
  t.is(bytesOf('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  t.is(bytesOf('1::'), `0001${'00'.repeat(14)}`);
  t.is(bytesOf('64:ff9b::192.0.2.1'), '0064ff9b0000000000000000c0000201');
});
