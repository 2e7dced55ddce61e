/** The equal ranges into which an IPv4 network is cut, and who holds each. Pure. */

export class CidrRanges {
  readonly #base: number;
  readonly #maskSize: number;
  readonly #count: number;
  readonly #holders = new Map<number, string>();
  /** Where to look for a free range: after the last one given, so that a freed range is not reused at once. */
  #next = 0;

  /** Throws an Error for a network that cannot be read or is smaller than one range. */
  constructor(network: string, maskSize: number) {
    const { address, size } = parseCidr(network);
    if (!(size <= maskSize && maskSize <= 30)) {
      throw new Error(`${network} cannot be cut into ranges of /${maskSize}`);
    }
    this.#base = address;
    this.#maskSize = maskSize;
    this.#count = 2 ** (maskSize - size);
  }

  /** Notes that `holder` has the range. Gives the other one that holds it, if there is one: then nothing changes. */
  occupy(cidr: string, holder: string): string | undefined {
    const index = this.#indexOf(cidr);
    if (index === undefined) return undefined;
    const present = this.#holders.get(index);
    if (present !== undefined && present !== holder) return present;
    this.#holders.set(index, holder);
    return undefined;
  }

  /** A free range, now held; undefined when there is none. */
  allocate(holder: string): string | undefined {
    for (let i = 0; i < this.#count; i += 1) {
      const index = (this.#next + i) % this.#count;
      if (this.#holders.has(index)) continue;
      this.#holders.set(index, holder);
      this.#next = index + 1;
      return this.#cidr(index);
    }
    return undefined;
  }

  heldBy(holder: string): string | undefined {
    for (const [index, name] of this.#holders) if (name === holder) return this.#cidr(index);
    return undefined;
  }

  /** Frees what `holder` has, and gives it. */
  release(holder: string): string[] {
    const freed: string[] = [];
    for (const [index, name] of this.#holders) {
      if (name !== holder) continue;
      this.#holders.delete(index);
      freed.push(this.#cidr(index));
    }
    return freed;
  }

  /** The part that is held, from 0 to 1. */
  get usage(): number {
    return this.#holders.size / this.#count;
  }

  #cidr(index: number): string {
    const address = this.#base + index * 2 ** (32 - this.#maskSize);
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    return `${bytes.join('.')}/${this.#maskSize}`;
  }

  /** undefined for a range outside the network or of another size: it is not ours to give. */
  #indexOf(cidr: string): number | undefined {
    const { address, size } = parseCidr(cidr);
    const index = (address - this.#base) / 2 ** (32 - this.#maskSize);
    return size === this.#maskSize && Number.isInteger(index) && index >= 0 && index < this.#count ? index : undefined;
  }
}

/** The network's first address as a number, and its mask size. */
function parseCidr(text: string): { address: number; size: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  const [a = 256, b = 256, c = 256, d = 256, size = 33] = (match ?? []).slice(1).map(Number);
  if (a > 255 || b > 255 || c > 255 || d > 255 || size > 32) throw new Error(`${text} is not an IPv4 network`);
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const step = 2 ** (32 - size);
  return { address: Math.floor(address / step) * step, size };
}
