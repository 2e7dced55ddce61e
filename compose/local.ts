/** `npm run local`: the whole cluster as plain processes on loopback, until Ctrl-C. */
import { enableCompileCache } from 'node:module';
import { join, resolve } from 'node:path';
import { aborted } from '../master/api/clock.ts';
import { command, durationMs, portNumber, runMain, wholeNumber } from '../master/api/flags.ts';
import type { LocalCluster } from './local-cluster.ts';
import { createProgress } from './progress.ts';

interface Flags {
  port: number;
  basePort: number;
  masters?: number;
  nodes: number;
  dataDir: string;
  kubeconfig: string;
  reset?: boolean;
  timeout: number;
}

const program = command('local', 'Runs the cluster as plain processes on loopback, with simulated containers.')
  .option('--port <port>', 'the API server through the balancer', portNumber, 6_443)
  .option('--base-port <port>', 'the first of the ports of everything else', portNumber, 17_000)
  .option(
    '--masters <count>',
    'how many masters; an odd number (default: 3, or as many as the data is of)',
    wholeNumber,
  )
  .option('--nodes <count>', 'how many nodes', wholeNumber, 2)
  .option('--data-dir <dir>', 'keys, data and logs', '.local')
  .option('--kubeconfig <file>', 'where the kubeconfig is written', '.local/kubeconfig')
  .option('--timeout <duration>', 'how long it may take until all are Ready', durationMs, 60_000)
  .option('--reset', 'begin with nothing: delete the data first');

await runMain(async (signal) => {
  const flags = program.parse().opts<Flags>();
  enableCompileCache(join(import.meta.dirname, '..', '.cache', 'node-compile'));
  const [{ startLocalCluster }, { serveControl }] = await Promise.all([
    import('./local-cluster.ts'),
    import('./local/control.ts'),
  ]);
  const progress = createProgress({ output: process.stdout, memory: resolve(flags.dataDir, 'timings.json') });
  const { nodes, timeout, ...options } = flags;
  const starting = progress.step(`starting the masters, the balancer and ${nodes} nodes`, 6, (report) =>
    startLocalCluster({ ...options, nodes, timeoutMs: timeout, onProgress: report, signal }),
  );
  const cluster = await starting.catch((error: unknown) => {
    // What went wrong says itself what to do; where in the code it was noticed helps nobody here.
    if (!signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  });
  if (!cluster) process.exit(signal.aborted ? 0 : 1);
  await serveControl(cluster, resolve(flags.dataDir), signal);
  process.stdout.write(whatNext(cluster));
  await aborted(signal);
  await progress.step('stopping', 3, () => cluster.stop());
});

function whatNext({ kubeconfig, masters, url }: LocalCluster): string {
  const [first] = masters;
  return `
The API is at ${url}; Ctrl-C ends the cluster and keeps its data.

  export KUBECONFIG=${kubeconfig}
  kubectl get nodes,pods -A -o wide
  kubectl apply -f compose/examples/
  kubectl get leases -n kube-system        # who leads
  kill -KILL -- -${first?.pid}                   # the end of ${first?.name}: kubectl goes on, another one leads

`;
}
