/**
 * A UDP port of this process that stands for a port of a Service. All datagrams of one client's port are one flow: the endpoint
 * whose turn it is gets them from a socket of their own, and its answers go back.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Endpoint } from '../service-ports.ts';
import type { Portal } from './portals.ts';
import { RoundRobin } from './round-robin.ts';

/** A flow ends after that silence; the kernel keeps a flow without an answer as long (nf_conntrack_udp_timeout). */
const idleMs = 30_000;
/** Each flow has a socket: beyond this the one that began first makes room. */
const mostFlows = 4_096;

interface Flow {
  readonly endpoint: Endpoint;
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

export class UdpPortal implements Portal {
  readonly #server = createSocket('udp4');
  readonly #turns = new RoundRobin();
  readonly #flows = new Map<string, Flow>();

  /** Listens on a free port of `host`; rejects if it cannot. */
  static async open(host: string): Promise<UdpPortal> {
    const portal = new UdpPortal();
    portal.#server.bind({ address: host, port: 0 });
    await once(portal.#server, 'listening');
    portal.#server.on('message', (bytes, client) => portal.#receive(bytes, client));
    // An answer that could not be sent is lost, as datagrams are.
    portal.#server.on('error', () => {});
    return portal;
  }

  get port(): number {
    return this.#server.address().port;
  }

  /** Flows to endpoints that are gone end: their next datagram goes to another one. */
  update(endpoints: readonly Endpoint[], affinitySeconds: number | undefined): void {
    this.#turns.update(endpoints, affinitySeconds);
    for (const [key, { endpoint }] of this.#flows) if (!this.#turns.has(endpoint)) this.#end(key);
  }

  close(): void {
    for (const key of this.#flows.keys()) this.#end(key);
    this.#server.close();
  }

  #receive(bytes: Buffer, client: RemoteInfo): void {
    const flow = this.#flows.get(`${client.address}:${client.port}`) ?? this.#begin(client);
    if (!flow) return;
    flow.timer.refresh();
    flow.socket.send(bytes, flow.endpoint.port, flow.endpoint.address);
  }

  #begin(client: RemoteInfo): Flow | undefined {
    const endpoint = this.#turns.next(client.address, performance.now());
    if (!endpoint) return undefined;
    const key = `${client.address}:${client.port}`;
    const socket = createSocket('udp4');
    const timer = setTimeout(() => this.#end(key), idleMs).unref();
    socket.on('message', (answer, { address, port }) => {
      if (address !== endpoint.address || port !== endpoint.port) return;
      timer.refresh();
      this.#server.send(answer, client.port, client.address);
    });
    socket.on('error', () => this.#end(key));
    const flow = { endpoint, socket, timer };
    this.#flows.set(key, flow);
    const [oldest] = this.#flows.keys();
    if (this.#flows.size > mostFlows && oldest !== undefined) this.#end(oldest);
    return flow;
  }

  #end(key: string): void {
    const flow = this.#flows.get(key);
    if (!flow) return;
    this.#flows.delete(key);
    clearTimeout(flow.timer);
    flow.socket.close();
  }
}
