/**
 * A probe by gRPC's own health protocol (`grpc.health.v1.Health/Check`, https://github.com/grpc/grpc/blob/master/doc/health-checking.md), over plain HTTP/2 as
 * Kubernetes' probes are. The one message asked and the one answered are small enough to be written and read without a library.
 */
import { connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { inUrl } from '../../../master/api/addresses.ts';
import { messageOf } from '../../../master/api/errors.ts';
import { grpcMessageText, grpcPrefixBytes } from '../../../master/api/grpc.ts';
import { Wire } from '../../../master/api/protobuf-wire.ts';
import type { Probe } from '../../../master/api/types.ts';
import type { ProbeResult } from './probe.ts';

const path = '/grpc.health.v1.Health/Check';
const Code = { ok: 0, unimplemented: 12 } as const;
/** What is answered is a few bytes; whoever sends more is not listened to. */
const mostChunks = 16;
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** Asks the service at the pod's address; only SERVING is a success. Never rejects. */
export async function grpcProbe(
  { port, service = '' }: NonNullable<Probe['grpc']>,
  podIp: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  const target = `${inUrl(podIp)}:${port}`;
  const late = `timeout: health rpc did not complete within ${timeoutMs / 1000}s`;
  try {
    const answer = await call(`http://${target}`, requestOf(service), timeoutMs);
    if (answer === undefined) return failure(late);
    return verdictOf(answer);
  } catch (error) {
    return failure(`error: failed to connect service at "${target}": ${messageOf(error)}`);
  }
}

interface Answer {
  readonly code: number;
  readonly message: string;
  readonly body: Buffer;
}

/** Undefined when the time is over. Rejects when there is no answer. */
async function call(authority: string, body: Buffer, timeoutMs: number): Promise<Answer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>();
  const session = connect(authority);
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  session.on('error', reject);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: 'POST',
    [constants.HTTP2_HEADER_PATH]: path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'kube-probe/1.36',
  });
  const chunks: Buffer[] = [];
  let last: IncomingHttpHeaders = {};
  stream.on('response', (headers) => {
    last = headers;
  });
  stream.on('trailers', (headers) => {
    last = headers;
  });
  stream.on('data', (chunk: Buffer) => {
    if (chunks.length < mostChunks) chunks.push(chunk);
  });
  stream.on('error', reject);
  stream.on('end', () => {
    const message = grpcMessageText(String(last['grpc-message'] ?? ''));
    resolve({ code: Number(last['grpc-status'] ?? 2), message, body: Buffer.concat(chunks) });
  });
  stream.on('close', () => reject(new Error('the stream was closed without an answer')));
  stream.end(body);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    session.destroy();
  }
}

function verdictOf({ code, message, body }: Answer): ProbeResult {
  if (code === Code.unimplemented) {
    return failure(
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`,
    );
  }
  if (code !== Code.ok) return failure(`error: health rpc probe failed: rpc error: code = ${code} desc = ${message}`);
  const status = statusIn(body.subarray(grpcPrefixBytes));
  const name = statuses[status] ?? String(status);
  if (name === 'SERVING') return { outcome: 'success', output: 'service healthy' };
  return failure(`service unhealthy (responded with "${name}")`);
}

/** HealthCheckResponse: its first field is the status, left out where it is 0. */
function statusIn(message: Buffer): number {
  let status = 0;
  for (const wire = new Wire(message); !wire.done; ) {
    const { number, wireType } = wire.tag();
    if (number === 1) status = wire.integer(wireType);
    else wire.skip(wireType);
  }
  return status;
}

/** HealthCheckRequest: the service's name is its first field, left out where it is empty. */
function requestOf(service: string): Buffer {
  const name = Buffer.from(service);
  const lengths = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...lengths]), name]);
  const prefix = Buffer.alloc(grpcPrefixBytes);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const failure = (output: string): ProbeResult => ({ outcome: 'failure', output });
