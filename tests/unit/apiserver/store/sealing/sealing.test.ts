import { randomBytes } from 'node:crypto';
import test from 'ava';
import { createLogger } from '../../../../../master/api/logging.ts';
import { parseConfiguration } from '../../../../../master/apiserver/store/sealing/configuration.ts';
import { isSealed, Sealing } from '../../../../../master/apiserver/store/sealing/sealing.ts';

const secret = (bytes = 32): string => randomBytes(bytes).toString('base64');
const [one, two] = [secret(), secret(16)];

function sealing(resources: string, ...providers: string[]): Sealing {
  const text = `{ apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration,
    resources: [{ resources: [${resources}], providers: [${providers.join(', ')}] }] }`;
  return new Sealing(parseConfiguration(text), createLogger('sealing', 'silent'));
}

const gcm = (...keys: [name: string, secret: string][]): string =>
  `{ aesgcm: { keys: [${keys.map(([name, value]) => `{ name: ${name}, secret: ${JSON.stringify(value)} }`).join(', ')}] } }`;
const key = '/registry/secrets/default/a';
const asValue = (value: string | Buffer, at = key) => ({ key: at, value: Buffer.from(value), revision: 7 });

test('a value is sealed under the first key, as Kubernetes writes it, and every key opens what it sealed', (t) => {
  const old = sealing('secrets', gcm(['one', one]));
  const value = old.seal(key, '{"a":"b"}');
  t.true(Buffer.isBuffer(value) && isSealed(value));
  t.true(value.toString('latin1').startsWith('k8s:enc:aesgcm:v1:one:'));
  t.is(old.open(asValue(value)).value.toString(), '{"a":"b"}');
  t.false(old.isStale(key));

  const rotated = sealing('secrets', gcm(['two', two], ['one', one]), '{ identity: {} }');
  t.is(rotated.open(asValue(value)).value.toString(), '{"a":"b"}');
  t.true(rotated.isStale(key));
  t.is(rotated.open(asValue('{"c":1}')).value.toString(), '{"c":1}');
  t.true(rotated.isStale(key));
  rotated.open(asValue(rotated.seal(key, '{}')));
  t.false(rotated.isStale(key));
});

test('with another configuration, what the former one has sealed or left open is to be written again', (t) => {
  const seal = sealing('secrets', gcm(['one', one]));
  const configMap = '/registry/configmaps/default/a';
  seal.open(asValue(seal.seal(key, '{}')));
  seal.open(asValue('{}', configMap));
  const resources = 'secrets, configmaps';
  const text = (...providers: string[]): string => `{ apiVersion: apiserver.config.k8s.io/v1,
    kind: EncryptionConfiguration, resources: [{ resources: [${resources}], providers: [${providers.join(', ')}] }] }`;
  seal.replaceRules(parseConfiguration(text(gcm(['two', two], ['one', one]))));
  t.true(seal.isStale(key));
  t.true(seal.isStale(configMap));
  seal.open(asValue(seal.seal(key, '{}')));
  t.false(seal.isStale(key));
  seal.replaceRules(parseConfiguration(text('{ identity: {} }', gcm(['two', two]))));
  t.true(seal.isStale(key));
  t.false(seal.isStale(configMap));
});

test('aescbc is read and written too', (t) => {
  const cbc = sealing('secrets', `{ aescbc: { keys: [{ name: k, secret: ${JSON.stringify(one)} }] } }`);
  t.is(cbc.open(asValue(cbc.seal(key, 'ä text'))).value.toString(), 'ä text');
});

test('a value that was moved to another key, changed, or sealed with another key stays closed', (t) => {
  const seal = sealing('secrets', gcm(['one', one]));
  const value = Buffer.from(seal.seal(key, '{}'));
  const elsewhere = '/registry/secrets/default/b';
  t.true(isSealed(seal.open(asValue(value, elsewhere)).value));
  t.regex(seal.failureOf(elsewhere) ?? '', /authenticate/);
  value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
  t.true(isSealed(seal.open(asValue(value)).value));
  const other = sealing('secrets', gcm(['two', two]));
  t.true(isSealed(other.open(asValue(value)).value));
  t.is(other.failureOf(key), 'no matching prefix found');
});

test('only what the configuration names is sealed', (t) => {
  const at = (resources: string, place: string) => typeof sealing(resources, gcm(['one', one])).seal(place, '{}');
  t.is(at('secrets', '/registry/configmaps/default/a'), 'string');
  t.is(at('deployments.apps', '/registry/deployments/default/a'), 'object');
  t.is(at("'*.apps'", '/registry/replicasets/default/a'), 'object');
  t.is(at("'*.'", '/registry/configmaps/default/a'), 'object');
  t.is(at("'*.'", '/registry/deployments/default/a'), 'string');
  t.is(at("'*.*'", '/registry/anything/a'), 'object');
  t.is(at("'*.*'", '/registry/widgets.example.com/default/a'), 'object');
  t.is(at('widgets.example.com', '/registry/widgets.example.com/default/a'), 'object');
  t.is(at('widgets.example.com', '/registry/gadgets.example.com/default/a'), 'string');
  t.is(at("'*.example.com'", '/registry/widgets.example.com/default/a'), 'object');
  t.is(at("'*.example.com'", '/registry/widgets.more.example.com/default/a'), 'string');
  t.is(at("'*.example.com'", '/registry/configmaps/default/a'), 'string');
  t.is(typeof sealing('secrets', '{ identity: {} }', gcm(['one', one])).seal(key, '{}'), 'string');
});

test('a configuration that is none is refused with what is wrong', (t) => {
  t.throws(() => parseConfiguration('{}'), { message: /must be an EncryptionConfiguration/ });
  t.throws(() => sealing('secrets'), { message: /at least one provider/ });
  t.throws(() => sealing('secrets', '{ kms: {} }'), { message: /kms is not one of/ });
  t.throws(() => sealing('secrets', gcm(['one', secret(10)])), { message: /expected one of \[16 24 32\]/ });
  t.throws(() => sealing('nothings', gcm(['one', one])), { message: /the server has no nothings/ });
});
