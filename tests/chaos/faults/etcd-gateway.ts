/** Asks etcd itself, past the API server: its JSON gateway, from inside a master that has the certificates for it. */
import type { Machines } from './machines.ts';

export interface EtcdMembers {
  readonly leader: string;
  readonly names: readonly string[];
  readonly learners: readonly string[];
  /** When the last question was sent, in ms since the epoch. */
  readonly askedMs: number;
}

/** The members as `machine`'s own member sees them; with `moveTo` it is first asked to hand its lead to that member. */
export async function etcdMembers(machines: Machines, machine: string, moveTo = ''): Promise<EtcdMembers> {
  const { code, output } = await machines.exec(machine, 'node', '--input-type=module', '-e', script, machine, moveTo);
  if (code !== 0) throw new Error(`etcd of ${machine}: ${/^\w*Error.*/m.exec(output)?.[0] ?? output.trim()}`);
  return JSON.parse(output);
}

const script = `
  import { readFileSync } from 'node:fs';
  import { request } from 'node:https';
  const [host, moveTo] = process.argv.slice(1);
  const pki = '/etc/trimaster/pki/';
  const tls = { ca: readFileSync(pki + 'etcd/ca.crt'), cert: readFileSync(pki + 'apiserver-etcd-client.crt'), key: readFileSync(pki + 'apiserver-etcd-client.key') };
  const ask = (path, body) => new Promise((resolve, reject) => {
    const sent = request({ ...tls, host, port: 2379, path, method: 'POST', timeout: 3000 }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      if (answer.statusCode === 200) resolve(JSON.parse(text)); else reject(new Error(path + ': ' + answer.statusCode + ' ' + text));
    });
    sent.on('timeout', () => sent.destroy(new Error(path + ': no answer')));
    sent.on('error', reject).end(JSON.stringify(body));
  });
  const { members } = await ask('/v3/cluster/member/list', {});
  let askedMs = Date.now();
  if (moveTo) await ask('/v3/maintenance/transfer-leadership', { targetID: members.find(({ name }) => name === moveTo).ID });
  else askedMs = Date.now();
  const { leader } = await ask('/v3/maintenance/status', {});
  console.log(JSON.stringify({
    leader: members.find(({ ID }) => ID === leader)?.name ?? '',
    names: members.map(({ name }) => name ?? ''),
    learners: members.filter(({ isLearner }) => isLearner).map(({ name }) => name ?? ''),
    askedMs,
  }));
`;
