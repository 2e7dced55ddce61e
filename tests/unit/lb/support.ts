/** Masters and clients on loopback for the balancer's tests: real sockets, with faults that a test switches on. */
// The certificate library's dependency injection needs it, and does not bring it.
import 'reflect-metadata';
import { once } from 'node:events';
import { connect, createServer, type Server, Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import * as x509 from '@peculiar/x509';
import type { ExecutionContext } from 'ava';
import { Balancer, type BalancerOptions } from '../../../lb/balancer.ts';
import type { BackendAddress, CheckFailure } from '../../../lb/core/pool-state.ts';
import { CheckError, type CheckOptions, type HealthCheck } from '../../../lb/health-check.ts';
import { reset } from '../../../lb/relay.ts';

export interface Credentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A CA and a certificate for one name, as a master has it. */
export async function makeCredentials(name = 'kubernetes'): Promise<Credentials> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const caKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notBefore = new Date(Date.now() - 60_000);
  const notAfter = new Date(Date.now() + 3_600_000);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test-ca',
    keys: caKeys,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=kube-apiserver',
    issuer: ca.subject,
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    ca: ca.toString('pem'),
    cert: certificate.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  };
}

/** A TCP server that answers each chunk with its name and the chunk, unless the test makes it misbehave. */
export class TestMaster {
  readonly name: string;
  readonly sockets = new Set<Socket>();
  /**
   * `silent`: accepts, as the kernel does for a paused process, and never reads. `rude`: accepts and resets.
   * `closing`: accepts and ends at once.
   */
  mode: 'well' | 'silent' | 'rude' | 'closing' = 'well';
  accepted = 0;
  readonly #server: Server;
  #port = 0;

  constructor(name: string, serve: (socket: Socket) => unknown = echo(name)) {
    this.name = name;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      this.accepted++;
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
      if (this.mode === 'silent') return;
      if (this.mode === 'rude') reset(socket);
      else if (this.mode === 'closing') socket.end();
      else serve(socket);
    });
  }

  async start(port = 0): Promise<BackendAddress> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    return this.address;
  }

  get address(): BackendAddress {
    return { name: this.name, host: '127.0.0.1', port: this.#port };
  }

  /** Stops listening and resets every connection, as when the process is killed. */
  async kill(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.sockets) reset(socket);
    await closed;
  }
}

function echo(name: string): (socket: Socket) => void {
  return (socket) => {
    socket.on('data', (bytes: Buffer) => socket.write(`${name}:${bytes.toString('latin1')}`));
    socket.on('end', () => socket.end());
    socket.resume();
  };
}

/** Serves TLS over a TestMaster's connections. */
export function tlsServe(name: string, credentials: Credentials): (socket: Socket) => void {
  const server = createTlsServer({ cert: credentials.cert, key: credentials.key }, (secure) => {
    secure.on('error', () => {});
    secure.on('data', (bytes: Buffer) => secure.write(`${name}:${bytes.toString()}`));
  });
  server.on('tlsClientError', () => {});
  return (socket) => {
    server.emit('connection', socket);
  };
}

/** Checks whose results the test decides; a backend that is in no set is up. */
export class TestCheck implements HealthCheck {
  readonly failing = new Map<string, CheckFailure>();
  closed = false;

  async check(backend: BackendAddress, { timeoutMs, signal }: CheckOptions): Promise<void> {
    const failure = this.failing.get(backend.name);
    if (failure === undefined) return;
    if (failure === 'silent') await setTimeout(timeoutMs, undefined, { signal });
    throw new CheckError(failure, `made to be ${failure}`);
  }

  close(): void {
    this.closed = true;
  }
}

/** Dials the given backends' names as machines that are gone: no answer, no refusal. */
export function dialExcept(gone: ReadonlySet<string>): NonNullable<BalancerOptions['dial']> {
  return (backend, onread) => {
    const options = { onread, allowHalfOpen: true };
    return gone.has(backend.name)
      ? new Socket(options)
      : connect({ host: backend.host, port: backend.port, noDelay: true, ...options });
  };
}

export interface Bench {
  readonly balancer: Balancer;
  readonly check: TestCheck;
  readonly gone: Set<string>;
  readonly port: number;
  /** Tells the balancer to stop. */
  readonly stop: () => void;
  /** Connects a client. */
  client(): Promise<TestClient>;
}

/** A balancer over the masters, stopped with its masters at the end of the test. */
export async function bench(
  t: ExecutionContext,
  masters: readonly TestMaster[],
  options: Partial<BalancerOptions> = {},
): Promise<Bench> {
  const backends = await Promise.all(masters.map((master) => master.start()));
  const check = new TestCheck();
  const gone = new Set<string>();
  const controller = new AbortController();
  const balancer = new Balancer({
    listen: { host: '127.0.0.1', port: 0 },
    backends,
    check,
    dial: dialExcept(gone),
    drainMs: 0,
    checkIntervalMs: 50,
    checkTimeoutMs: 100,
    slowStartMs: 0,
    rebalanceMs: 0,
    ...options,
  });
  const { port } = await balancer.listen(controller.signal);
  t.teardown(async () => {
    controller.abort();
    await balancer.closed;
    await Promise.all(masters.map((master) => master.kill().catch(() => {})));
  });
  await until(() => balancer.snapshot().backends.every(({ health }) => health !== 'unknown'));
  return { balancer, check, gone, port, stop: () => controller.abort(), client: () => TestClient.connect(port) };
}

/** A client that collects what it gets. */
export class TestClient {
  readonly socket: Socket;
  text = '';
  error: NodeJS.ErrnoException | undefined;
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async connect(port: number): Promise<TestClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const client = new TestClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Sends and resolves with all that has come once something new has. */
  async ask(text: string | Buffer): Promise<string> {
    const before = this.text.length;
    this.socket.write(text);
    await until(() => this.text.length > before || this.socket.destroyed);
    return this.text.slice(before);
  }
}

/** The first bytes of a TLS hello, as far as the balancer looks. */
export const hello = Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]);

/** Resolves when the condition holds; looks after each turn of the event loop, and fails when it takes far too long. */
export async function until(condition: () => boolean, patienceMs = 5_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`still not so after ${patienceMs} ms: ${condition}`);
    await setTimeout(1);
  }
}
