/** Connections to ports of pods through the kubelet of their node: masters need no route to the pod network. */
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { Backend } from './backend-proxy.ts';

const connectMs = 10_000;
const messageBytes = 4_096;

/** An agent whose connections all lead to one port of one pod. `kubelet` is the node's, with the path that connects there. */
export function podAgent(kubelet: Backend, secure: boolean): HttpAgent {
  const agent = secure ? new HttpsAgent() : new HttpAgent();
  agent.createConnection = (_options, created) => {
    dial(kubelet).then(
      (connection) =>
        created?.(null, secure ? connectTls({ socket: connection, rejectUnauthorized: false }) : connection),
      (error: Error) => created?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

/** Connects to the port of a pod that the path names. Resolves with the connection, or rejects in the words of the kubelet or of the way to it. */
export function dial({ url, agent }: Backend): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>();
  const asked = request(url, { agent, headers: { Connection: 'Upgrade', Upgrade: 'tcp' } });
  const late = setTimeout(() => asked.destroy(new Error('dial tcp: i/o timeout')), connectMs);
  asked.once('close', () => clearTimeout(late));
  asked.on('error', reject);
  asked.once('upgrade', (_answer, connection, head) => {
    clearTimeout(late);
    if (head.length > 0) connection.unshift(head);
    connection.on('error', () => {});
    resolve(connection);
  });
  asked.once('response', (answer) => {
    said(answer).then((words) => reject(new Error(words || `the kubelet answered ${answer.statusCode}`)), reject);
  });
  asked.end();
  return promise;
}

async function said(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) if (text.length < messageBytes) text += chunk;
  return text.trim();
}
