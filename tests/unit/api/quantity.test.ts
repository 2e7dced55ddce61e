import test from 'ava';
import { formatBytes, formatCpu, isQuantity, milliValue, quantityToNumber } from '../../../master/api/quantity.ts';

test('a quantity is read with decimal and binary suffixes and exponents', (t) => {
  t.is(quantityToNumber('128Mi'), 128 * 1024 ** 2);
  t.is(quantityToNumber('1.5Gi'), 1.5 * 1024 ** 3);
  t.is(quantityToNumber('2k'), 2_000);
  t.is(quantityToNumber('1e3'), 1_000);
  t.is(quantityToNumber(4), 4);
});

test('milli values are exact where binary fractions are not, and rounded up', (t) => {
  t.is(milliValue('0.1'), 100);
  t.is(milliValue('100m'), 100);
  t.is(milliValue('1'), 1_000);
  t.is(milliValue('1.0001'), 1_001);
  t.is(milliValue('500u'), 1);
});

test('what is no quantity is refused', (t) => {
  for (const text of ['', 'Mi', '1 Gi', '1X', '--1', '1e', {}, null]) t.false(isQuantity(text), String(text));
  t.throws(() => quantityToNumber('abc'), { message: /quantities must match/ });
});

test('quantities are printed as Kubernetes prints them', (t) => {
  t.deepEqual([100, 1000, 1500, 0].map(formatCpu), ['100m', '1', '1500m', '0']);
  t.deepEqual([0, 1000, 1024, 128 * 1024 ** 2].map(formatBytes), ['0', '1000', '1Ki', '128Mi']);
});
