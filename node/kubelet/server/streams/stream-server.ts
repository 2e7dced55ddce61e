/**
 * The kubelet's requests that take over their connection, by the first part of their path, as Kubernetes' kubelets serve them:
 *
 * - `/exec/<namespace>/<pod>/<container>?command=…&input=1&output=1&error=1&tty=1`, `/attach/…` likewise;
 * - `/portForward/<namespace>/<pod>`;
 * - `/connect/<namespace>/<pod>/<port>` with `Upgrade: tcp`, of our own: bytes to and from a port of the pod. It is the API
 *   server's way to pods and Services, so that masters need no route to the pod network.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../../../master/api/logging.ts';
import type { Pod } from '../../../../master/api/types.ts';
import type { Runtime, RuntimePod } from '../../../runtime/runtime.ts';
import { allContainersOf, uidOf } from '../../pods/pod.ts';
import { HttpError } from '../http-error.ts';
import { switchProtocols, type UpgradeRequest } from './handshake.ts';
import { exchange, servePortForward } from './port-forward.ts';
import { serveProcess, streamOptions } from './remote-command.ts';

export interface StreamServerOptions {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly pod: (namespace: string, name: string) => Pod | undefined;
}

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #open = new Set<Duplex>();

  constructor(options: StreamServerOptions) {
    this.#options = options;
  }

  /** Serves a request that asked for an upgrade, to its end. `authorize` throws an HttpError when it may not be. */
  async serve(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    authorize: (request: IncomingMessage) => void,
  ): Promise<void> {
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    try {
      authorize(request);
      await this.#route({ request, socket, head });
    } catch (error) {
      if (error instanceof HttpError) return refuse(socket, error);
      if (!socket.destroyed) this.#options.logger.warn({ err: error, url: request.url }, 'a stream failed');
      socket.destroy();
    }
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async #route(upgrade: UpgradeRequest): Promise<void> {
    const { runtime } = this.#options;
    const url = new URL(upgrade.request.url ?? '/', 'https://localhost');
    const [, first = '', namespace = '', name = '', last = ''] = url.pathname.split('/').map(decodeURIComponent);
    switch (first) {
      case 'exec': {
        const options = streamOptions(url.searchParams);
        const command = url.searchParams.getAll('command');
        if (command.length === 0) throw new HttpError(400, 'you must specify a command');
        const id = await this.#runningContainer(this.#pod(namespace, name), last);
        return await serveProcess(upgrade, options, () => runtime.openExec(id, command, options));
      }
      case 'attach': {
        const options = streamOptions(url.searchParams);
        const id = await this.#runningContainer(this.#pod(namespace, name), last);
        return await serveProcess(upgrade, options, () => runtime.attach(id, options));
      }
      case 'portForward': {
        const pod = this.#pod(namespace, name);
        return await servePortForward(upgrade, name, (port) => this.#connect(pod, port));
      }
      case 'connect':
        return await this.#serveConnect(upgrade, this.#pod(namespace, name), Number(last));
      default:
        throw new HttpError(404, '404 page not found');
    }
  }

  async #serveConnect({ request, socket, head }: UpgradeRequest, pod: Pod, port: number): Promise<void> {
    if (request.headers.upgrade !== 'tcp') throw new HttpError(400, 'Upgrade request required');
    let connection: Duplex;
    try {
      connection = await this.#connect(pod, port);
    } catch (error) {
      throw new HttpError(502, error instanceof Error ? error.message : String(error));
    }
    switchProtocols(socket, { Upgrade: 'tcp' });
    if (head.length > 0) socket.unshift(head);
    await exchange(socket, connection);
  }

  #pod(namespace: string, name: string): Pod {
    const pod = this.#options.pod(namespace, name);
    if (!pod) throw new HttpError(404, 'pod does not exist');
    return pod;
  }

  async #runningContainer(pod: Pod, name: string): Promise<string> {
    const state = await this.#state(pod);
    const running = state?.containers.find((container) => container.name === name && container.state === 'running');
    if (running && allContainersOf(pod).some((container) => container.name === name)) return running.id;
    throw new HttpError(500, `container not found (${JSON.stringify(name)})`);
  }

  async #connect(pod: Pod, port: number): Promise<Duplex> {
    const state = await this.#state(pod);
    const sandbox = state?.sandboxes.find(({ ready }) => ready);
    if (!sandbox) throw new Error('the pod is not running');
    return await this.#options.runtime.connect(sandbox.id, port);
  }

  async #state(pod: Pod): Promise<RuntimePod | undefined> {
    try {
      return await this.#options.runtime.podState(uidOf(pod));
    } catch (error) {
      throw new HttpError(500, error instanceof Error ? error.message : String(error));
    }
  }
}

/** Answers with an error, in plain text as the kubelet's other answers. HttpErrors come before the handshake only. */
function refuse(socket: Duplex, { code, message }: HttpError): void {
  const body = Buffer.from(message);
  const head =
    `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ''}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head), body]));
}
