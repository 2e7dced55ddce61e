/** The ports of this process that stand for ports of Services, kept to what the Services are. */
import type { Logger } from '../../../master/api/logging.ts';
import type { Scope } from '../iptables/rules.ts';
import type { Endpoint, ServicePortState } from '../service-ports.ts';
import { TcpPortal } from './tcp-portal.ts';
import { UdpPortal } from './udp-portal.ts';

export interface Portal {
  readonly port: number;
  update(endpoints: readonly Endpoint[], affinitySeconds: number | undefined): void;
  /** Ends what goes through it, too. */
  close(): void;
}

const openers: Readonly<Record<string, (host: string) => Promise<Portal>>> = {
  TCP: TcpPortal.open,
  UDP: UdpPortal.open,
};

export class Portals {
  readonly #logger: Logger;
  readonly #portals = new Map<string, Portal>();
  #host = '';

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Opens what is missing, on `host`, and gives all of them their endpoints. Rejects if a port cannot be had. */
  async update(states: readonly ServicePortState[], host: string): Promise<void> {
    if (host !== this.#host) this.closeAllBut([]);
    this.#host = host;
    for (const state of states) {
      for (const [scope, endpoints] of scopes(state)) {
        const key = portalKey(state, scope);
        const open = openers[state.protocol];
        if (!open) {
          this.#logger.warn({ service: state.name }, `${state.protocol} is not served in userspace mode`);
          continue;
        }
        const portal = this.#portals.get(key) ?? (await open(host));
        this.#portals.set(key, portal);
        portal.update(endpoints, state.affinitySeconds);
      }
    }
  }

  /** The rules no longer lead to any other. */
  closeAllBut(states: readonly ServicePortState[]): void {
    const wanted = new Set(states.flatMap((state) => scopes(state).map(([scope]) => portalKey(state, scope))));
    for (const [key, portal] of this.#portals) {
      if (wanted.has(key)) continue;
      portal.close();
      this.#portals.delete(key);
    }
  }

  /** Where connections for `state` are to be sent; undefined if there is no such portal. */
  portFor(state: ServicePortState, scope: Scope): number | undefined {
    return this.#portals.get(portalKey(state, scope))?.port;
  }

  /** All that is open, such as `['TCP', 40123]`. */
  list(): readonly (readonly [protocol: string, port: number])[] {
    return [...this.#portals].map(([key, { port }]) => [key.slice(0, key.indexOf(' ')), port]);
  }
}

function portalKey({ protocol, name }: ServicePortState, scope: Scope): string {
  return `${protocol} ${name} ${scope}`;
}

/** Connections that only endpoints of this node may take have a portal of their own. Without any endpoint the rules refuse. */
function scopes({ endpoints, internalLocal, externalLocal }: ServicePortState): [Scope, readonly Endpoint[]][] {
  if (endpoints.length === 0) return [];
  const local = endpoints.filter((endpoint) => endpoint.local);
  return internalLocal || externalLocal
    ? [
        ['all', endpoints],
        ['local', local],
      ]
    : [['all', endpoints]];
}
