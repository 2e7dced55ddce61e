/**
 * Whether the cluster is as it should be once a fault is over: a ReplicationController has exactly its pods, its Service leads
 * to exactly these, from every node, and no node's engine has containers of anything else.
 */
import type { ApiClient } from '../../support/api-client.ts';
import { within } from '../../support/within.ts';
import type { Machines } from '../faults/machines.ts';

const name = 'echo';
const selector = 'labelSelector=app%3Decho';
const base = '/api/v1/namespaces/default';
export const nodeNames = ['node-1', 'node-2'] as const;

export interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface NodeObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export class Settled {
  readonly #api: ApiClient;
  readonly #machines: Machines;

  constructor(api: ApiClient, machines: Machines) {
    this.#api = api;
    this.#machines = machines;
  }

  async pods(): Promise<Pod[]> {
    return (await this.#api.json<{ items: Pod[] }>('GET', `${base}/pods?${selector}`)).items;
  }

  /** Whether every node is Ready and carries no taint. */
  async nodesAreReady(): Promise<boolean> {
    const { items } = await this.#api.json<{ items: NodeObject[] }>('GET', '/api/v1/nodes');
    const ready = items.filter((node) => isReady(node) && !node.spec.taints?.length);
    return ready.length === nodeNames.length && items.length === nodeNames.length;
  }

  /** Waits until the controller has exactly its pods, all Ready, and the Endpoints are exactly these. */
  async workloads(seconds: number): Promise<void> {
    const { spec } = await this.#soon<{ spec: { replicas: number } }>(
      `${base}/replicationcontrollers/${name}`,
      seconds,
    );
    const pods = await within(
      seconds,
      () => this.pods(),
      (found) =>
        found.length === spec.replicas && found.every((pod) => isReady(pod) && !pod.metadata.deletionTimestamp),
    );
    const ips = pods.map(({ status }) => status.podIP ?? '').toSorted();
    await within(
      seconds,
      () => this.#endpoints(),
      (found) => found.toSorted().join() === ips.join(),
    );
  }

  /** An object, asked for again when the connection that is at hand has ended with the master behind it. */
  #soon<T>(path: string, seconds: number): Promise<T> {
    return within(
      seconds,
      () => this.#api.json<T>('GET', path),
      () => true,
    );
  }

  async #endpoints(): Promise<string[]> {
    const { subsets = [] } = await this.#api.json<{ subsets?: { addresses?: { ip: string }[] }[] }>(
      'GET',
      `${base}/endpoints/${name}`,
    );
    return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip));
  }

  /** Waits until the engine of every node has containers of the node's own pods only, whatever the API said before. */
  async noOrphans(seconds: number): Promise<void> {
    for (const node of nodeNames) {
      const look = async (): Promise<string[]> => {
        const format = '{{.Label "io.kubernetes.pod.name"}}';
        const { output } = await this.#machines.exec(node, 'docker', 'ps', '--all', '--format', format);
        const here = (await this.pods())
          .filter(({ spec }) => spec.nodeName === node)
          .map(({ metadata }) => metadata.name);
        return [...new Set(output.split('\n'))]
          .filter((pod) => pod !== '' && !here.includes(pod))
          .map((pod) => `${node}: ${pod}`);
      };
      await within(seconds, look, (orphans) => orphans.length === 0);
    }
  }

  /** Asks the Service's address from every node until each of the pods has answered, over TCP and over UDP. */
  async serviceAnswers(seconds: number): Promise<void> {
    const { spec } = await this.#soon<{ spec: { clusterIP: string; ports: { protocol: string; port: number }[] } }>(
      `${base}/services/${name}`,
      seconds,
    );
    for (const node of nodeNames) {
      for (const [protocol, script] of Object.entries(asking)) {
        const port = spec.ports.find((one) => one.protocol === protocol)?.port ?? 0;
        const look = async (): Promise<string[]> => {
          const pods = (await this.pods()).map(({ metadata }) => metadata.name);
          const command = ['node', '--input-type=module', '-e', script, spec.clusterIP, String(port)];
          const answers = new Set((await this.#machines.exec(node, ...command)).output.trim().split('\n'));
          return [...pods.filter((pod) => !answers.has(pod)), ...[...answers].filter((pod) => !pods.includes(pod))];
        };
        await within(seconds, look, (missingOrStrange) => missingOrStrange.length === 0);
      }
    }
  }
}

/** Whether a pod or a node says of itself that it is Ready. */
export const isReady = ({ status }: { readonly status: Pod['status'] }): boolean =>
  (status.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True');

/** Asks often enough that a balanced Service names every pod. */
const asking = {
  TCP: `
    const [address, port] = process.argv.slice(1);
    for (let i = 0; i < 60; i += 1) console.log((await (await fetch('http://' + address + ':' + port, { headers: { connection: 'close' } })).text()).trim());
  `,
  UDP: `
    import { createSocket } from 'node:dgram';
    import { once } from 'node:events';
    const [address, port] = process.argv.slice(1);
    for (let i = 0; i < 60; i += 1) {
      const socket = createSocket('udp4');
      socket.send('who', Number(port), address);
      const [reply] = await Promise.race([once(socket, 'message'), new Promise((resolve) => setTimeout(resolve, 1000, ['']))]);
      if (String(reply)) console.log(String(reply).trim());
      socket.close();
    }
  `,
};
