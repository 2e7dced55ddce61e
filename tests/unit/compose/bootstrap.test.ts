import test from 'ava';
import { bootstrapSecret } from '../../../compose/bootstrap.ts';

test('the bootstrap token becomes the Secret that the API server looks for', (t) => {
  const { metadata, type, data = {} } = bootstrapSecret('abcdef.0123456789abcdef');
  t.deepEqual(metadata, { namespace: 'kube-system', name: 'bootstrap-token-abcdef' });
  t.is(type, 'bootstrap.kubernetes.io/token');
  const text = (field: string) => Buffer.from(data[field] ?? '', 'base64').toString();
  t.is(text('token-id'), 'abcdef');
  t.is(text('token-secret'), '0123456789abcdef');
  t.is(text('usage-bootstrap-authentication'), 'true');
  t.is(data.expiration, undefined);
});
