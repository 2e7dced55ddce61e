/**
 * exec, attach, port-forward, cp and proxies with the real kubectl, down to processes in real containers. It runs where a
 * Docker engine answers that has the project's base image, and leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import Docker from 'dockerode';
import { type LocalCluster, startLocalCluster } from '../../../compose/local-cluster.ts';
import { Client } from '../../../master/api/client.ts';
import { loadKubeconfig } from '../../../master/api/config.ts';
import { getCondition } from '../../../master/api/meta.ts';
import { Kubectl } from '../../support/kubectl.ts';
import { within } from '../../support/within.ts';

const base = 'node:26-trixie-slim';
const id = randomBytes(3).toString('hex');
const image = `trimaster-streams/${id}:1`;
const network = `streams-${id}`;
const docker = new Docker(process.env.DOCKER_HOST ? undefined : { socketPath: '/var/run/docker.sock' });
const engineIsThere = await docker
  .getImage(base)
  .inspect()
  .then(
    () => true,
    () => false,
  );

/** Answers HTTP with what it was asked for, and echoes what comes over an upgraded connection. */
const server = `
require('http').createServer((request, response) => {
  if (request.url === '/away') return response.writeHead(302, { location: '/home' }).end();
  let body = '';
  request.on('data', (chunk) => { body += chunk; }).on('end', () => {
    response.end([request.method, request.url, request.headers.authorization, body].join(' '));
  });
}).on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: ' + request.headers.upgrade + '\\r\\n\\r\\n');
  socket.pipe(socket);
}).listen(8080);
`;

/** How kubectl is told to use the protocol of its older versions. */
const older = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' };
const dataDir = await mkdtemp(join(tmpdir(), 'trimaster-streams-'));
let cluster: LocalCluster | undefined;
let kubectl: Kubectl;
let client: Client;

if (!engineIsThere) {
  test('a Docker engine with the base image is not there: nothing to stream to', (t) => t.pass());
} else {
  test.before(startAll);
  test.after.always(stopAll);
  streams();
}

async function startAll(): Promise<void> {
  const made = await docker.createContainer({ Image: base, Entrypoint: [], Cmd: ['sleep', 'infinity'] });
  await made.commit({ repo: image.split(':')[0] ?? '', tag: '1' });
  await made.remove();
  cluster = await startLocalCluster({
    dataDir,
    masters: 1,
    nodes: 1,
    timeoutMs: 100_000,
    masterArgs: ['--apiserver-arg=--kubelet-preferred-address-types=InternalIP'],
    // The kubelet alone uses the engine of this machine; the machine's packet rules are not this test's to change.
    nodeArgs: ['--container-runtime', 'docker', '--container-runtime-endpoint', '/var/run/docker.sock']
      .concat('--pod-infra-container-image', image, '--pod-network', network, '--pod-bridge', `tms${id}`)
      .map((arg) => `--kubelet-arg=${arg}`),
  });
  kubectl = new Kubectl(cluster.kubeconfig);
  client = new Client(loadKubeconfig(cluster.kubeconfig));
  await client.create('pods', {
    metadata: { name: 'box', namespace: 'default', labels: { app: 'box' } },
    spec: {
      containers: [
        { name: 'web', image, command: ['node', '-e', server], ports: [{ containerPort: 8080 }] },
        {
          name: 'cat',
          image,
          command: ['sh', '-c', 'while read line; do echo "got $line"; done; exit 4'],
          stdin: true,
        },
      ],
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
    },
  });
  await client.create('services', {
    metadata: { name: 'box', namespace: 'default' },
    spec: { selector: { app: 'box' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  await within(
    60,
    () => client.get('pods', { namespace: 'default', name: 'box' }),
    (pod) => getCondition(pod.status?.conditions, 'Ready')?.status === 'True',
  );
  await within(
    20,
    () => client.get('endpoints', { namespace: 'default', name: 'box' }),
    (endpoints) => endpoints.subsets?.[0]?.addresses?.length === 1,
  );
}

async function stopAll(): Promise<void> {
  await client?.close();
  await cluster?.stop();
  const filters = { ancestor: [image] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true });
  }
  const silently = (): void => {};
  await docker.getNetwork(network).remove().catch(silently);
  await docker.getImage(image).remove({ force: true }).catch(silently);
  await rm(dataDir, { recursive: true, force: true });
}

function streams(): void {
  for (const [way, env] of [
    ['WebSockets', {}],
    ['SPDY', older],
  ] as const) {
    const tool = (): Kubectl => new Kubectl(cluster?.kubeconfig ?? '', env);

    test(`exec over ${way} gives both outputs and the exit code`, async (t) => {
      const script = 'echo out; echo err >&2; exit 3';
      const { code, stdout, stderr } = await tool().try(['exec', 'box', '-c', 'web', '--', 'sh', '-c', script]);
      t.deepEqual([code, stdout], [3, 'out\n']);
      t.is(stderr, 'err\ncommand terminated with exit code 3\n');
    });

    test(`exec over ${way} carries input of any size, and its end`, async (t) => {
      const input = 'a line of text\n'.repeat(200_000);
      t.is(await tool().feed(input, 'exec', '-i', 'box', '-c', 'web', '--', 'sh', '-c', 'tee /dev/null'), input);
    });

    test(`port-forward over ${way} carries several connections at once`, async (t) => {
      const forward = tool().start('port-forward', 'pod/box', ':8080');
      t.teardown(forward.stop);
      await forward.until(/Forwarding from 127.0.0.1:\d+/);
      const port = /127.0.0.1:(\d+)/.exec(forward.output)?.[1];
      const answers = await Promise.all(
        [1, 2, 3].map(async (n) => (await fetch(`http://127.0.0.1:${port}/${n}`)).text()),
      );
      t.deepEqual(answers, ['GET /1  ', 'GET /2  ', 'GET /3  ']);
    });

    test(`port-forward over ${way} says why a port cannot be reached`, async (t) => {
      const forward = tool().start('port-forward', 'pod/box', ':9');
      t.teardown(forward.stop);
      await forward.until(/Forwarding from 127.0.0.1:\d+/);
      const port = /127.0.0.1:(\d+)/.exec(forward.output)?.[1];
      await t.throwsAsync(fetch(`http://127.0.0.1:${port}/`));
      await forward.until(/error forwarding port 9 to pod box, uid : connect ECONNREFUSED/);
    });

    test(`a command that is not there ends with the engine’s word for it over ${way}`, async (t) => {
      const { code, stdout, stderr } = await tool().try(['exec', 'box', '-c', 'web', '--', 'no-such-command']);
      // 126 from older engines, 127 from newer ones.
      t.true(code === 126 || code === 127, String(code));
      t.regex(stdout + stderr, /"no-such-command": executable file not found in \$PATH/);
      t.regex(stderr, new RegExp(`command terminated with exit code ${code}`));
    });

    test(`what cannot be entered says so over ${way} in Kubernetes’ words`, async (t) => {
      const refused = async (...args: string[]): Promise<string> => (await tool().try(args)).stderr.trim();
      t.is(
        await refused('exec', 'box', '-c', 'nothing', '--', 'true'),
        'Error from server (BadRequest): container nothing is not valid for pod box',
      );
      t.is(await refused('exec', 'nobody', '--', 'true'), 'Error from server (NotFound): pods "nobody" not found');
    });
  }

  test('exec with a terminal has one, of the size of the client’s', async (t) => {
    const command = `stty cols 91 rows 33; kubectl exec -it box -c web -- sh -c 'sleep 0.5; tty; stty size'`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, KUBECONFIG: cluster?.kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    for await (const chunk of child.stdout) output += String(chunk);
    t.regex(output, /\/dev\/pts\/\d+/);
    t.regex(output, /33 91/);
  });

  test('cp carries files both ways', async (t) => {
    const bytes = randomBytes(3_000_000);
    const from = join(dataDir, 'from');
    const to = join(dataDir, 'to');
    await writeFile(from, bytes);
    await kubectl.run('cp', from, 'box:/tmp/there', '-c', 'web');
    await kubectl.run('cp', 'box:/tmp/there', to, '-c', 'web');
    t.true((await readFile(to)).equals(bytes));
  });

  test('attach speaks with the container’s own process', async (t) => {
    const attached = spawn('kubectl', ['attach', '-i', 'box', '-c', 'cat'], {
      env: { ...process.env, KUBECONFIG: cluster?.kubeconfig },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.teardown(() => attached.kill());
    // The container goes on reading, so this ends with what it says and not with the command.
    attached.stdin.write('hello\n');
    const [said] = await once(attached.stdout, 'data');
    t.is(String(said), 'got hello\n');
  });

  test('requests of any kind reach pods, Services and kubelets through the API server', async (t) => {
    const raw = (path: string): Promise<string> => kubectl.run('get', '--raw', path);
    const inDefault = '/api/v1/namespaces/default';
    t.is(await raw(`${inDefault}/services/box:http/proxy/a/b?c=d`), 'GET /a/b?c=d  ');
    t.is(await raw(`${inDefault}/services/http:box:80/proxy/`), 'GET /  ');
    t.is(await raw(`${inDefault}/pods/box/proxy/x?watch=true`), 'GET /x?watch=true  ');
    t.is(await raw(`${inDefault}/pods/http:box:8080/proxy/x%20y/`), 'GET /x%20y/  ');
    t.is(await raw('/api/v1/nodes/node-1/proxy/healthz'), 'ok');
    t.is(
      await kubectl.feed('{"a":1}', 'create', '--raw', `${inDefault}/services/box:http/proxy/in`, '-f', '-'),
      'POST /in  {"a":1}',
    );
  });

  test('what a proxy cannot reach is said in Kubernetes’ words', async (t) => {
    const refused = async (path: string): Promise<string> => (await kubectl.try(['get', '--raw', path])).stderr.trim();
    const inDefault = '/api/v1/namespaces/default';
    t.is(
      await refused(`${inDefault}/services/box:81/proxy/`),
      'Error from server (ServiceUnavailable): no service port 81 found for service "box"',
    );
    t.is(
      await refused(`${inDefault}/services/box:other/proxy/`),
      'Error from server (ServiceUnavailable): no endpoints available for service "box:other"',
    );
    t.regex(
      await refused(`${inDefault}/pods/box:9/proxy/`),
      /^Error from server \(ServiceUnavailable\): error trying to reach service: connect ECONNREFUSED/,
    );
  });

  test('a connection that a pod takes over is the client’s and the pod’s', async (t) => {
    const { ca, cert, key } = loadKubeconfig(cluster?.kubeconfig ?? '');
    const url = `${cluster?.url}/api/v1/namespaces/default/services/box:http/proxy/socket`;
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket' };
    const asked = request(url, { ca, cert, key, headers, agent: false }).end();
    const [answer, socket] = await once(asked, 'upgrade');
    t.is(answer.statusCode, 101);
    socket.write('there and back');
    t.is(String((await once(socket, 'data'))[0]), 'there and back');
    socket.end();
    await once(socket, 'close');
  });
}
