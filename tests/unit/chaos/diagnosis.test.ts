import test from 'ava';
import { telling } from '../../chaos/diagnosis.ts';

test('of a master’s log only what warns or tells of a lead is shown, the last of it, in its order', (t) => {
  const info = '[apiserver] {"level":"info","msg":"ready"}';
  const leads = '[scheduler] {"level":"info","lease":"kube-scheduler","msg":"leading"}';
  const warns = '[controller-manager] {"level":"warn","msg":"reconcile failed, trying again"}';
  const crash = '[apiserver] TypeError: x is not a function';
  const etcd = (n: number): string => `[etcd] {"level":"warn","msg":"apply request took too long","n":${n}}`;
  const many = Array.from({ length: 50 }, (_, n) => etcd(n));
  t.deepEqual(telling([leads, info, ...many, warns, crash, ''].join('\n')), [leads, ...many.slice(-10), warns, crash]);
  t.is(telling(Array(100).fill(warns).join('\n')).length, 30);
});
