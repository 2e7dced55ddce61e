/**
 * `/portForward`: for every connection that the client took, a pair of SPDY streams with the same `requestID`: one of type
 * `data`, which is joined with a connection to the pod's port, and one of type `error`, for words about why that failed.
 * SPDY runs over the bare connection, or inside a WebSocket whose messages are its bytes.
 */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream } from 'ws';
import { accept, type Protocols, type UpgradeRequest } from './handshake.ts';
import { SpdySession, type SpdyStream } from './spdy-session.ts';

const protocols: Protocols = {
  webSocket: ['SPDY/3.1+portforward.k8s.io'],
  spdy: ['portforward.k8s.io'],
};

/** How long the second stream of a pair may take. */
const pairMs = 30_000;

/** Serves until the client is gone. `connect` opens a connection to a port of the pod. */
export async function servePortForward(
  upgrade: UpgradeRequest,
  pod: string,
  connect: (port: number) => Promise<Duplex>,
): Promise<void> {
  const accepted = await accept(upgrade, protocols);
  const transport = accepted.kind === 'spdy' ? accepted.connection : createWebSocketStream(accepted.socket);
  transport.on('error', () => {});
  const pairs = new Pairs((data, errors, port) => void forward(data, errors, port));
  const session = new SpdySession(transport, (stream) => pairs.add(stream));
  try {
    // A client that leaves without a farewell is how most forwards end.
    await session.run().catch(() => {});
  } finally {
    pairs.close();
  }

  async function forward(data: SpdyStream, errors: SpdyStream, port: number): Promise<void> {
    try {
      const connection = await connect(port);
      await exchange(data, connection, () => errors.end());
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      errors.end(`error forwarding port ${port} to pod ${pod}, uid : ${why}`);
      data.end();
      data.resume();
    }
  }
}

/** Passes bytes both ways until both are over, or one broke. `answered`: the second one will send nothing more. */
export async function exchange(client: Duplex, pod: Duplex, answered: () => void = () => {}): Promise<void> {
  // Two pipelines and the library below listen to each of them: more than the ten that Node takes for a leak.
  for (const side of [client, pod]) side.setMaxListeners(30);
  const asking = pipeline(client, pod);
  const answering = pipeline(pod, client).finally(answered);
  await Promise.all([asking, answering]).catch(() => {
    client.destroy();
    pod.destroy();
  });
}

/** Streams that wait for the other one of their connection. */
class Pairs {
  readonly #waiting = new Map<string, { stream: SpdyStream; timer: NodeJS.Timeout }>();
  readonly #complete: (data: SpdyStream, errors: SpdyStream, port: number) => void;

  constructor(complete: (data: SpdyStream, errors: SpdyStream, port: number) => void) {
    this.#complete = complete;
  }

  add(stream: SpdyStream): void {
    const { streamtype: type, requestid = '', port: portText } = stream.headers;
    const port = Number(portText);
    stream.on('error', () => {});
    if ((type !== 'data' && type !== 'error') || !Number.isInteger(port) || port < 1 || port > 65_535) {
      stream.destroy();
      return;
    }
    // The client sends nothing over it but its end.
    if (type === 'error') stream.resume();
    // Older clients name no request: their two streams share the port alone.
    const key = requestid === '' ? `port ${port}` : `request ${requestid}`;
    const other = this.#waiting.get(key);
    if (other === undefined || other.stream.headers.streamtype === type) {
      const timer = setTimeout(() => {
        this.#waiting.delete(key);
        stream.destroy();
      }, pairMs);
      this.#waiting.set(key, { stream, timer });
      return;
    }
    clearTimeout(other.timer);
    this.#waiting.delete(key);
    if (type === 'data') this.#complete(stream, other.stream, port);
    else this.#complete(other.stream, stream, port);
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
