/** Addresses for simulated pods, out of a node's range. */

/** Hands out the addresses of one IPv4 range, lowest free first; the first two and the last stay unused, as on a bridge. */
export class AddressPool {
  readonly #first: number;
  readonly #last: number;
  readonly #used = new Set<number>();

  /** Throws for a text that is no IPv4 range. */
  constructor(cidr: string) {
    const [address = '', length = ''] = cidr.split('/');
    const bits = Number(length);
    const base = toNumber(address);
    if (!Number.isInteger(bits) || bits < 8 || bits > 30 || Number.isNaN(base))
      throw new Error(`no IPv4 range: ${cidr}`);
    this.#first = base + 2;
    this.#last = base + 2 ** (32 - bits) - 2;
  }

  /** Throws when no address is free. */
  take(): string {
    for (let address = this.#first; address <= this.#last; address++) {
      if (this.#used.has(address)) continue;
      this.#used.add(address);
      return toText(address);
    }
    throw new Error('no free addresses in the pod network');
  }

  /** Marks an address as in use that was handed out before a restart. */
  keep(address: string): void {
    this.#used.add(toNumber(address));
  }

  give(address: string): void {
    this.#used.delete(toNumber(address));
  }
}

function toNumber(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return Number.NaN;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

const toText = (address: number): string => [24, 16, 8, 0].map((shift) => (address / 2 ** shift) & 255).join('.');
