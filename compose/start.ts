/**
 * `npm start`: from a fresh clone to a cluster that is Ready, saying what it checks and does. Safe to repeat: what is
 * there is left as it is, so a second start only looks.
 */
import { join } from 'node:path';
import { command } from '../master/api/flags.ts';
import { ensureImages } from './images.ts';
import { ensureEngine, UserError } from './install.ts';
import { mastersOf } from './override.ts';
import { createProgress, type Progress } from './progress.ts';
import { compose, nodes, type Project, projectFrom, root } from './project.ts';
import { kubeconfigServes, waitUntilReady } from './readiness.ts';
import { CommandFailed, which } from './system.ts';

const program = command('npm start --', 'Brings the cluster up with Docker Compose and waits until it is Ready.')
  .option('--build-only', 'only make sure that Docker answers and the images are built')
  .option('--timeout <seconds>', 'how long it may take until all are Ready', Number, 180);

/** Beside masters and nodes: keys, bootstrap token, the balancers' address and the two of them. */
const otherServices = 5;
const { buildOnly, timeout } = program.parse().opts<{ buildOnly?: boolean; timeout: number }>();
const progress = createProgress({ output: process.stdout, memory: join(root, '.cache/start-times.json') });
const project = projectFrom();
try {
  await ensureEngine(progress);
  await ensureImages(project, progress);
  if (!buildOnly) {
    await start(project, progress, timeout * 1000);
    progress.note(whatNext(project));
  }
} catch (error) {
  if (!(error instanceof UserError || error instanceof CommandFailed)) throw error;
  progress.note(`\n${error.message}`);
  process.exitCode = 1;
}

async function start(project: Project, progress: Progress, timeoutMs: number): Promise<void> {
  const startedAt = Date.now();
  const services = mastersOf(project).length + nodes.length + otherServices;
  await progress.step('Starting the containers', 6, async (report) => {
    const started = new Set<string>();
    const onLine = (line: string) => {
      const name = /^\s*Container (\S+)\s+(?:Started|Running|Exited)/.exec(line)?.[1];
      if (name && !started.has(name)) report(`${started.add(name).size} of ${services}`);
    };
    await compose(project, ['up', '--detach', '--no-build', '--remove-orphans', '--quiet-pull'], { onLine });
  });
  if (!kubeconfigServes(project))
    throw new UserError(`${project.kubeconfig} was not written: see docker compose logs pki`);
  await progress.step('Waiting until all masters and nodes are Ready', 12, (report) =>
    waitUntilReady(project, report, timeoutMs),
  );
  progress.note(`Ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
}

function whatNext(project: Project): string {
  const { name, kubeconfig, adminPort } = project;
  const [, second] = mastersOf(project);
  const own = kubeconfig === join(root, 'kubeconfig');
  const tries: (readonly [string, string])[] = [
    [`export KUBECONFIG=${own ? '$PWD/kubeconfig' : kubeconfig}`, ''],
    ['kubectl get nodes,pods -A -o wide', ''],
    ['kubectl apply -f compose/examples/echo.yaml', 'six pods on two nodes, and a Service over them'],
    ['kubectl get leases -n kube-system', 'who leads'],
    ...(second ? [[`docker kill ${name}-${second}-1`, 'kubectl goes on; docker start brings it back'] as const] : []),
    [`curl -s http://127.0.0.1:${adminPort}/state`, 'what the balancer sees'],
    ['npm stop', 'takes it down and keeps the data'],
  ];
  const lines = ['', 'Try next:', ...tries.map(([what, says]) => `  ${what.padEnd(46)} ${says}`.trimEnd())];
  if (!which('kubectl')) {
    lines.push(
      '',
      'kubectl is not installed: on Debian 13 `apt-get install kubernetes-client`, elsewhere https://kubernetes.io/docs/tasks/tools/',
    );
  }
  return lines.join('\n');
}
