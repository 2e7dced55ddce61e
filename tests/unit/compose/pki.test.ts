import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { createPki } from '../../../compose/pki.ts';

function scratch(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'trimaster-pki-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

const certificate = (...path: string[]) => new X509Certificate(readFileSync(join(...path)));

function everything(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => join(entry.parentPath, entry.name)).map((file) => [file, readFileSync(file, 'utf8')]),
  );
}

test('a second run changes nothing', async (t) => {
  const dir = scratch(t);
  const first = await createPki({ dir, masters: ['master-1'], nodes: ['node-1'] });
  const before = everything(dir);
  const second = await createPki({
    dir,
    masters: ['master-1'],
    nodes: ['node-1'],
    bootstrapToken: 'aaaaaa.0123456789abcdef',
  });
  t.deepEqual(everything(dir), before);
  t.deepEqual(second, first);
});

test('a master that is added later is signed by the same authorities', async (t) => {
  const dir = scratch(t);
  await createPki({ dir, masters: ['master-1'], nodes: [] });
  await createPki({ dir, masters: ['master-1', 'master-2'], nodes: [] });
  const ca = certificate(dir, 'master-1/ca.crt');
  const etcdCa = certificate(dir, 'master-1/etcd/ca.crt');
  t.true(certificate(dir, 'master-2/apiserver.crt').verify(ca.publicKey));
  t.true(certificate(dir, 'master-2/etcd/peer.crt').verify(etcdCa.publicKey));
});

test('a run that was cut short is finished by the next', async (t) => {
  const dir = scratch(t);
  await createPki({ dir, masters: ['master-1'], nodes: [] });
  const ca = readFileSync(join(dir, 'ca/ca.crt'), 'utf8');
  rmSync(join(dir, 'master-1/apiserver.crt'));
  await createPki({ dir, masters: ['master-1'], nodes: [] });
  t.true(
    certificate(dir, 'master-1/apiserver.crt').checkPrivateKey(
      (await import('node:crypto')).createPrivateKey(readFileSync(join(dir, 'master-1/apiserver.key'))),
    ),
  );
  t.is(readFileSync(join(dir, 'ca/ca.crt'), 'utf8'), ca);
});

test('certificates name masters, and no address but constants', async (t) => {
  const dir = scratch(t);
  await createPki({ dir, masters: ['master-1'], nodes: [], apiserverNames: ['cluster.example'] });
  const apiserver = certificate(dir, 'master-1/apiserver.crt');
  for (const name of ['master-1', 'lb', 'localhost', 'kubernetes.default.svc', 'cluster.example']) {
    t.is(apiserver.checkHost(name), name);
  }
  t.is(apiserver.checkHost('master-2'), undefined);
  t.deepEqual(apiserver.subjectAltName?.match(/(?<=IP Address:)[\d.]+/g), ['127.0.0.1', '10.96.0.1']);
});

test('nothing that the cluster signs on request opens etcd', async (t) => {
  const dir = scratch(t);
  await createPki({ dir, masters: ['master-1'], nodes: [] });
  const ca = certificate(dir, 'master-1/ca.crt');
  const etcdClient = certificate(dir, 'master-1/apiserver-etcd-client.crt');
  t.false(etcdClient.verify(ca.publicKey));
  t.true(etcdClient.verify(certificate(dir, 'master-1/etcd/ca.crt').publicKey));
});

test('a node gets the authority and a token, and no key', async (t) => {
  const dir = scratch(t);
  const { bootstrapToken } = await createPki({ dir, masters: ['master-1'], nodes: ['node-1'] });
  t.deepEqual(readdirSync(join(dir, 'node-1')).sort(), ['bootstrap.conf', 'ca.crt']);
  const config = parse(readFileSync(join(dir, 'node-1/bootstrap.conf'), 'utf8'));
  t.is(config.users[0].user.token, bootstrapToken);
  t.regex(bootstrapToken, /^[a-z0-9]{6}\.[a-z0-9]{16}$/);
});

test('keys and kubeconfigs are readable by their owner alone', async (t) => {
  const dir = scratch(t);
  const { adminKubeconfig } = await createPki({ dir, masters: ['master-1'], nodes: ['node-1'] });
  t.is(statSync(adminKubeconfig).mode & 0o777, 0o600);
  for (const file of everything(dir).keys()) {
    if (!/\.(crt|pub)$/.test(file)) t.is(statSync(file).mode & 0o777, 0o600, file);
  }
});

test('the administrator belongs to system:masters and reaches the given server', async (t) => {
  const dir = scratch(t);
  const adminServer = 'https://127.0.0.1:16443';
  const { adminKubeconfig } = await createPki({ dir, masters: ['master-1'], nodes: [], adminServer });
  const config = parse(readFileSync(adminKubeconfig, 'utf8'));
  t.is(config['current-context'], 'trimaster');
  t.is(config.clusters[0].cluster.server, adminServer);
  const cert = new X509Certificate(Buffer.from(config.users[0].user['client-certificate-data'], 'base64'));
  t.is(cert.subject, 'O=system:masters\nCN=kubernetes-admin');
});
