import test from 'ava';
import type { NetworkPolicy } from '../../../../../master/api/types.ts';
import { networkPolicyStrategy } from '../../../../../master/apiserver/registry/strategies/networkpolicies.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';
import { lines } from './pods-of.ts';

test('a block of addresses says no more than its network, unless it was taken before', (t) => {
  const policy = (cidr: string, inner: string): NetworkPolicy => ({
    metadata: { name: 'a' },
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr, except: [inner] } }] }] },
  });
  const errorsOf = (now: NetworkPolicy, old?: NetworkPolicy): string[] => {
    const errors = new FieldErrors();
    networkPolicyStrategy.validate?.(now, errors, old);
    return lines(errors);
  };
  const loose = policy('10.0.0.5/8', '10.1.2.3/16');
  t.deepEqual(errorsOf(policy('10.0.0.0/8', '10.1.0.0/16')), []);
  t.deepEqual(errorsOf(loose), [
    'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.5/8": must not have bits set beyond the prefix length',
    'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.2.3/16": must not have bits set beyond the prefix length',
  ]);
  t.deepEqual(errorsOf(loose, loose), []);
});
