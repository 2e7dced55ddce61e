/**
 * How masters whose etcd does not run yet tell one another what they have. Each answers on its own peer port, until etcd takes
 * the port, the question that etcd answers there, too: GET /version. Who asks says who it is and what it has, so that two masters
 * know of each other when one of them has asked.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import { ask, type EtcdCredentials, wholeText } from './client.ts';
import type { PeerState } from './join.ts';

/** What a master without a running etcd says of itself. */
export type OwnState = (typeof ownStates)[number];

export interface Greeting {
  readonly name: string;
  readonly state: OwnState;
}

const ownStates = ['empty', 'rejoining', 'restoring'] as const;
const nameHeader = 'x-trimaster-name';
const stateHeader = 'x-trimaster-state';

/** Asks the master behind a peer URL, and tells it who asks. Never rejects. */
export async function greet(
  peerUrl: string,
  own: Greeting,
  tls: EtcdCredentials,
  timeoutMs: number,
): Promise<PeerState> {
  try {
    const headers = { [nameHeader]: own.name, [stateHeader]: own.state };
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await ask(new URL('/version', peerUrl), tls, { headers, signal });
    return stateOf(await wholeText(response));
  } catch (error) {
    return { kind: 'silent', why: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether the etcd behind a peer URL has a cluster and answers for it. Never rejects, and says nothing of who asks. */
export async function serves(peerUrl: string, tls: EtcdCredentials, timeoutMs: number): Promise<boolean> {
  try {
    const response = await ask(new URL('/version', peerUrl), tls, { signal: AbortSignal.timeout(timeoutMs) });
    return stateOf(await wholeText(response)).kind === 'member';
  } catch {
    return false;
  }
}

/**
 * From the answer of a master that waits, or of etcd's own. A cluster decides on its version when it has its first leader; a member
 * that starts again does not know the version before it has read its log so far, which it does while it answers already.
 */
export function stateOf(answer: string): PeerState {
  const { etcdcluster, trimaster } = JSON.parse(answer);
  const kind = ownState(trimaster);
  if (kind) return { kind };
  if (typeof etcdcluster !== 'string') throw new Error('the answer is not that of an etcd member');
  return { kind: etcdcluster === 'not_decided' ? 'starting' : 'member' };
}

export interface GreeterOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: EtcdCredentials;
  readonly state: OwnState;
  /** Called with who asked. */
  readonly asked: (greeting: Greeting) => void;
}

/** Answers until it is closed; closing frees the port. Rejects when the port is taken. */
export async function startGreeter({ host, port, tls, state, asked }: GreeterOptions): Promise<() => Promise<void>> {
  const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    response.setHeader('connection', 'close');
    const greeting = greetingOf(request);
    // An etcd that runs asks its peers many things; any answer but this could be taken for one of etcd's.
    if (!greeting) return response.writeHead(503).end();
    asked(greeting);
    response.end(JSON.stringify({ trimaster: state }));
  });
  // A stranger's handshake fails, which is nobody else's business.
  server.on('tlsClientError', () => {});
  server.listen(port, host);
  await once(server, 'listening');
  server.on('error', () => {});
  return async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
}

function greetingOf({ headers }: IncomingMessage): Greeting | undefined {
  const { [nameHeader]: name, [stateHeader]: state } = headers;
  const kind = ownState(state);
  return typeof name === 'string' && kind ? { name, state: kind } : undefined;
}

function ownState(text: unknown): OwnState | undefined {
  return ownStates.find((state) => state === text);
}
