/**
 * Two balancers may listen at one address (`SO_REUSEPORT`): the kernel spreads clients over both, and when one dies its
 * listener goes with it and all clients reach the other. A paused one is not dead: its share of the clients would wait for
 * it. So each asks the other's admin port, and when that is silent it opens so many more listeners that nearly all new
 * clients come to itself.
 */
import { get } from 'node:http';
import type { ListenAddress } from './settings.ts';

export interface PeerListener {
  /** The peer is silent: take its clients. */
  silent(): Promise<void>;
  /** It answers again, or is gone and with it its listener. */
  back(): void;
}

const intervalMs = 250;
const timeoutMs = 500;
/** In a row; a peer that is held up for a moment is none that is paused. */
const silencesNeeded = 2;

/** Asks the peer until the signal aborts. */
export async function watchPeer(peer: ListenAddress, listener: PeerListener, signal: AbortSignal): Promise<void> {
  let silences = 0;
  while (!signal.aborted) {
    const answers = await ask(peer);
    if (signal.aborted) return;
    const before = silences;
    silences = answers ? 0 : silences + 1;
    if (silences === silencesNeeded) await listener.silent();
    else if (answers && before >= silencesNeeded) listener.back();
    await new Promise((resolve) => setTimeout(resolve, intervalMs).unref());
  }
}

/** False: connected or not, it said nothing in time. A refusal is an answer: nobody listens there. */
function ask({ host, port }: ListenAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host, port, path: '/healthz', agent: false, timeout: timeoutMs }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.on('timeout', () => {
      resolve(false);
      asked.destroy();
    });
    asked.on('error', () => resolve(true));
  });
}
