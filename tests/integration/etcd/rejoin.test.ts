/** Masters that lose their volume: each comes back with the data, as a new member, and nothing acknowledged is lost. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type LocalCluster, type LocalMaster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { EtcdClient, etcdCredentials, type ListedMember } from '../../../master/etcd/client.ts';
import { ApiClient } from '../../support/api-client.ts';
import { within } from '../../support/within.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'trimaster-rejoin-'));
const configMaps = '/api/v1/namespaces/default/configmaps';
let cluster: LocalCluster;
let api: ApiClient;

test.before(async () => {
  cluster = await startLocalCluster({ dataDir, nodes: 0 });
  api = new ApiClient(cluster.kubeconfig, { timeoutMs: 5_000 });
});

test.after.always(async () => {
  await api?.close();
  await cluster?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** What the masters said last, where a test failed: nothing else tells why they did not come together. */
test.serial.afterEach.always((t) => {
  if (t.passed || !cluster) return;
  for (const each of cluster.masters) t.log(`${each.name}:\n${logOf(each).split('\n').slice(-logLines).join('\n')}`);
});

const logLines = 60;
const volumeOf = (master: LocalMaster): string => join(dataDir, master.name);
const logOf = ({ logFile }: LocalMaster): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');

function master(place: number): LocalMaster {
  const found = cluster.masters[place];
  if (!found) throw new Error(`there is no master ${place}`);
  return found;
}

/** The members as the member of this master lists them, with a majority behind it. */
async function membersAt({ name, ports }: LocalMaster): Promise<readonly ListedMember[]> {
  const credentials = etcdCredentials(join(cluster.pkiDir, name));
  return (await new EtcdClient(`https://localhost:${ports.etcdClient}`, credentials).members(true, 3_000)).members;
}

async function write(name: string): Promise<void> {
  const { status } = await within(
    15,
    () => api.send('POST', configMaps, { metadata: { name } }),
    ({ status }) => status === 201 || status === 409,
  );
  if (status !== 201 && status !== 409) throw new Error(`${name} was not written`);
}

/** Of what was written here. */
async function names(): Promise<string[]> {
  const { items } = await api.json<{ items: { metadata: { name: string } }[] }>('GET', configMaps);
  return items.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt');
}

async function loseVolume(lost: LocalMaster): Promise<void> {
  lost.kill('SIGKILL');
  await lost.exited;
  rmSync(volumeOf(lost), { recursive: true, force: true });
}

/** Under which id the cluster has a master's member. One that comes back without data must not vote as who it was. */
const idOf = ({ name }: LocalMaster, members: readonly ListedMember[]): string | undefined =>
  members.find((member) => member.name === name)?.id;

const allVote = (members: readonly ListedMember[]): boolean =>
  members.length === 3 && members.every(({ isLearner, clientUrls }) => !isLearner && clientUrls.length > 0);

test.serial('a master whose volume is lost comes back as a new member with all data', async (t) => {
  const [lost, other] = [master(2), master(0)];
  const before = await membersAt(other);
  await write('before');
  await loseVolume(lost);
  await write('meanwhile');
  const fromMs = performance.now();
  lost.start();
  await within(
    30,
    () => membersAt(other),
    (after) => allVote(after) && idOf(lost, after) !== idOf(lost, before),
  );
  t.log(`a voting member again after ${Math.round(performance.now() - fromMs)} ms`);
  await cluster.ready();
  // Its own data now, with the others away one by one: what it answers, it has.
  t.deepEqual((await membersAt(lost)).length, 3);
  master(1).kill('SIGKILL');
  await master(1).exited;
  await write('with-one-of-the-others');
  t.deepEqual(await names(), ['before', 'meanwhile', 'with-one-of-the-others']);
  master(1).start();
  await cluster.ready();
});

test.serial('without a majority it waits, says why, and joins as soon as there is one', async (t) => {
  const [lost, away] = [master(2), master(1)];
  const before = await membersAt(away);
  away.kill('SIGKILL');
  await away.exited;
  await loseVolume(lost);
  rmSync(lost.logFile);
  lost.start();
  await within(
    15,
    () => logOf(lost),
    (log) => /"why":"the cluster has no majority: its data is on master-1/.test(log),
  );
  t.false(existsSync(join(volumeOf(lost), 'etcd/member')));
  away.start();
  await within(
    30,
    () => membersAt(away),
    (after) => allVote(after) && idOf(lost, after) !== idOf(lost, before),
  );
  await cluster.ready();
  t.true((await names()).includes('meanwhile'));
});

test.serial('a master without data makes no cluster while the others are silent', async (t) => {
  const lost = master(0);
  const before = await membersAt(master(1));
  // With it on disk, a majority knows who the members are, whoever was promoted last.
  await write('after-promotion');
  for (const each of cluster.masters) each.kill('SIGKILL');
  await Promise.all(cluster.masters.map((each) => each.exited));
  rmSync(volumeOf(lost), { recursive: true, force: true });
  rmSync(lost.logFile);
  lost.start();
  await within(
    15,
    () => logOf(lost),
    (log) => /"why":"master-2 and master-3 gave no answer and may have the cluster's data"/.test(log),
  );
  master(1).start();
  master(2).start();
  await within(
    30,
    () => membersAt(master(1)),
    (after) => allVote(after) && idOf(lost, after) !== idOf(lost, before),
  );
  await cluster.ready();
  t.true((await names()).includes('meanwhile'));
});
