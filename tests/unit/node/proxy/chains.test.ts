import test from 'ava';
import { parseSave, restoreText } from '../../../../node/proxy/iptables/chains.ts';

const jumps = [{ from: 'PREROUTING', to: 'KUBE-SERVICES' }];

test('the first text writes everything, jumps included', (t) => {
  const wanted = new Map([['KUBE-SERVICES', ['-j KUBE-SVC-A']]]);
  const text = restoreText({ table: 'nat', wanted, written: undefined, jumps, present: undefined });
  t.is(
    text,
    '*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -j KUBE-SVC-A\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n',
  );
});

test('chains that did not change are not written again, so their counters go on', (t) => {
  const written = new Map([
    ['KUBE-SERVICES', ['-j KUBE-SVC-A']],
    ['KUBE-SVC-A', ['-j ACCEPT']],
  ]);
  const wanted = new Map([
    ['KUBE-SERVICES', ['-j KUBE-SVC-A', '-j KUBE-SVC-B']],
    ['KUBE-SVC-A', ['-j ACCEPT']],
    ['KUBE-SVC-B', ['-j ACCEPT']],
  ]);
  const text = restoreText({ table: 'nat', wanted, written, jumps, present: undefined });
  t.false(text.includes(':KUBE-SVC-A '));
  t.true(text.includes(':KUBE-SVC-B '));
});

test('nothing to do is no text', (t) => {
  const wanted = new Map([['KUBE-SERVICES', []]]);
  t.is(restoreText({ table: 'nat', wanted, written: wanted, jumps, present: undefined }), '');
});

test('chains of an earlier run are emptied and removed, those of others are not touched', (t) => {
  const present = parseSave(
    [
      '*nat',
      ':PREROUTING ACCEPT [0:0]',
      ':DOCKER - [0:0]',
      ':KUBE-SERVICES - [0:0]',
      ':KUBE-SVC-OLD - [0:0]',
      '-A PREROUTING -j KUBE-SERVICES',
      '-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-OLD',
      'COMMIT',
    ].join('\n'),
  );
  const text = restoreText({
    table: 'nat',
    wanted: new Map([['KUBE-SERVICES', []]]),
    written: undefined,
    jumps,
    present,
  });
  t.is(text, '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-OLD - [0:0]\n-X KUBE-SVC-OLD\nCOMMIT\n');
});

test('a chain or a jump that somebody removed comes back', (t) => {
  const wanted = new Map([
    ['KUBE-SERVICES', ['-j KUBE-SVC-A']],
    ['KUBE-SVC-A', ['-j ACCEPT']],
  ]);
  const present = parseSave(':KUBE-SERVICES - [0:0]\n');
  const text = restoreText({ table: 'nat', wanted, written: wanted, jumps, present });
  t.is(text, '*nat\n:KUBE-SVC-A - [0:0]\n-A KUBE-SVC-A -j ACCEPT\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n');
});
