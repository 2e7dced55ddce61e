/** Starts the witness (agent.ts) in the cluster's network and keeps what it tells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { GenericContainer, type StartedTestContainer } from 'testcontainers';
import type { Sightings } from '../oracles/leaders.ts';
import {
  type Action,
  type Belief,
  type Given,
  type LeaseChange,
  type Message,
  type Parts,
  type Role,
  roles,
} from './messages.ts';

const root = '/opt/trimaster';
/** Has Node and the packages of the product. */
const image = `trimaster/master:${process.env.TRIMASTER_IMAGE_TAG ?? 'latest'}`;

export class Witness implements Sightings {
  readonly leases: LeaseChange[] = [];
  readonly actions: Action[] = [];
  readonly parts: Parts[] = [];
  readonly #given = new Map<string, Given>();
  readonly #beliefs = new Map<string, Belief>();
  readonly #ready = new Map<string, boolean>();
  readonly #fencedBefore = new Map<string, number>();
  #fenced: number | undefined;
  #container: StartedTestContainer | undefined;

  /** `network` is the name of the cluster's network. */
  static async start({ network, kubeconfig }: { network: string; kubeconfig: string }): Promise<Witness> {
    const witness = new Witness();
    const source = (file: string): { source: string; target: string } => ({
      source: join(import.meta.dirname, file),
      target: `${root}/chaos/${file}`,
    });
    witness.#container = await new GenericContainer(image)
      .withNetworkMode(network)
      .withEntrypoint(['node', `${root}/chaos/agent.ts`])
      .withCommand(['/kubeconfig'])
      // A dead machine's name may be looked up for seconds; the others are not to wait for it.
      .withEnvironment({ UV_THREADPOOL_SIZE: '32' })
      .withCopyFilesToContainer(['agent.ts', 'messages.ts'].map(source))
      .withCopyContentToContainer([{ content: readFileSync(kubeconfig, 'utf8'), target: '/kubeconfig' }])
      .withLogConsumer((stream: Readable) => witness.#listen(stream))
      .start();
    return witness;
  }

  async stop(): Promise<void> {
    await this.#container?.stop({ timeout: 1_000 });
  }

  get beliefs(): Belief[] {
    return [...this.#beliefs.values()];
  }

  get readyMasters(): string[] {
    return [...this.#ready].filter(([, ready]) => ready).map(([master]) => master);
  }

  /** Writes of deposed leaders that were refused; undefined where no API server counts them. */
  get fencedWrites(): number | undefined {
    return this.#fenced;
  }

  /** What each master answers to the work that it is given, for a reader. */
  get given(): string[] {
    return [...this.#given.values()].map(
      ({ role, master, answer, atMs }) =>
        `work for the ${role} at ${master}, since ${new Date(atMs).toISOString()}: ${answer}`,
    );
  }

  /** The roles of which no work was seen since then. */
  idleSince(fromMs: number): Role[] {
    return roles.filter((role) => !this.actions.some((action) => action.role === role && action.atMs >= fromMs));
  }

  /** The master whose process leads, as far as it was seen. */
  leader(role: Role): string | undefined {
    const now = this.beliefs.filter((belief) => belief.role === role && !belief.over);
    return now.toSorted((a, b) => b.generation - a.generation)[0]?.master;
  }

  #listen(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.startsWith('{')) this.#take(JSON.parse(line));
      else process.stderr.write(`witness: ${line}\n`);
    });
  }

  #take(message: Message): void {
    switch (message.type) {
      case 'belief':
        this.#beliefs.set(`${message.role} ${message.master} ${message.fromMs}`, message);
        break;
      case 'ready':
        this.#ready.set(message.master, message.ready);
        break;
      case 'fenced':
        // A count that fell began anew with its process.
        this.#fenced = (this.#fenced ?? 0) + Math.max(0, message.count - (this.#fencedBefore.get(message.master) ?? 0));
        this.#fencedBefore.set(message.master, message.count);
        break;
      case 'lease':
        this.leases.push(message);
        break;
      case 'parts':
        this.parts.push(message);
        break;
      case 'acted':
        this.actions.push(message);
        break;
      case 'given':
        this.#given.set(`${message.role} ${message.master}`, message);
        break;
    }
  }
}
