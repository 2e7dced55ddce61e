/** A mode of kube-proxy in a network namespace of its own, with pods and clients. Needs Linux, iptables, and root. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServicePortState } from '../../node/proxy/service-ports.ts';

type Command =
  | { readonly do: 'pod' | 'tcp' | 'udp'; readonly address: string; readonly port: number }
  | { readonly do: 'sync'; readonly mode: string; readonly states: readonly ServicePortState[] }
  | { readonly do: 'rules' };
export type WorldRequest = Command & { readonly id: number };

interface WorldAnswer {
  readonly id: number;
  readonly result?: string;
  readonly error?: string;
}

export interface ProxyNamespace {
  /** Starts what answers on TCP and UDP with `<what was sent> from <address>`. */
  pod(address: string, port: number): Promise<void>;
  sync(states: readonly ServicePortState[]): Promise<void>;
  /** Sends `hello`, ends its side, and gives the answer, or rejects with the error's code. */
  ask(protocol: 'tcp' | 'udp', address: string, port: number): Promise<string>;
  /** What `iptables-save` says. */
  rules(): Promise<string>;
  stop(): Promise<void>;
}

export async function startProxyNamespace(mode: 'iptables' | 'userspace'): Promise<ProxyNamespace> {
  const script = fileURLToPath(new URL('proxy-world.ts', import.meta.url));
  const child = spawn('unshare', ['--net', process.execPath, script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, PromiseWithResolvers<string>>();
  let lastId = 0;
  const expect = (id: number) => {
    const answer = Promise.withResolvers<string>();
    waiting.set(id, answer);
    return answer.promise;
  };
  child.on('message', ({ id, result, error }: WorldAnswer) => {
    if (error === undefined) waiting.get(id)?.resolve(result ?? '');
    else waiting.get(id)?.reject(new Error(error));
    waiting.delete(id);
  });
  child.on('exit', (code) => {
    for (const answer of waiting.values()) answer.reject(new Error(`the namespace ended with ${code}`));
  });
  const run = (command: Command): Promise<string> => {
    lastId += 1;
    child.send({ ...command, id: lastId });
    return expect(lastId);
  };
  await expect(0);
  return {
    pod: async (address, port) => void (await run({ do: 'pod', address, port })),
    sync: async (states) => void (await run({ do: 'sync', mode, states })),
    ask: (protocol, address, port) => run({ do: protocol, address, port }),
    rules: () => run({ do: 'rules' }),
    stop: async () => {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
