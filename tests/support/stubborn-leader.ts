/**
 * A leader that does not heed the end of its term: it goes on writing for a while, as a process does that was paused in the middle of
 * its work or whose writes were long under way. Says on standard output what happens, one JSON object a line.
 *
 * Arguments: kubeconfig, API servers with commas, identity.
 */
import { Client } from '../../master/api/client.ts';
import { sleep } from '../../master/api/clock.ts';
import { loadKubeconfig } from '../../master/api/config.ts';
import { defaultTimings } from '../../master/api/election.ts';
import { isConflict } from '../../master/api/errors.ts';
import { runMain } from '../../master/api/flags.ts';
import { LeaderElector, type Term } from '../../master/api/leader-elector.ts';
import { createLogger } from '../../master/api/logging.ts';

const [kubeconfig = '', servers = '', identity = ''] = process.argv.slice(2);
const stubbornMs = 500;

await runMain(async (signal) => {
  const client = new Client({ ...loadKubeconfig(kubeconfig), servers: servers.split(',') });
  const elector = new LeaderElector({
    client,
    namespace: 'kube-system',
    name: 'stubborn',
    identity,
    ...defaultTimings,
    logger: createLogger('stubborn', 'silent'),
  });
  await elector.run(async (term) => {
    say({ event: 'leads', generation: term.generation });
    const written = await writeOn(term);
    say({ event: 'ended', generation: term.generation, ...written });
  }, signal);
  await client.close();
});

/** Writes its count under its generation until some time after the term has ended. */
async function writeOn({ client, generation, signal }: Term): Promise<{ accepted: number; refused: number }> {
  let [accepted, refused, endedMs] = [0, 0, Number.POSITIVE_INFINITY];
  signal.addEventListener('abort', () => {
    endedMs = performance.now();
  });
  while (performance.now() - endedMs < stubbornMs) {
    const patch = { data: { [`generation-${generation}`]: String(accepted + 1) } };
    try {
      await client.patch('configmaps', { namespace: 'default', name: 'register' }, patch, { type: 'merge' });
      accepted += 1;
    } catch (error) {
      if (isConflict(error)) refused += 1;
    }
    await sleep(5);
  }
  return { accepted, refused };
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}
