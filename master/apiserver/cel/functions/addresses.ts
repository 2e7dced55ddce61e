/** Kubernetes' CEL libraries for URLs (`url("https://…")`), addresses (`ip("10.0.0.1")`) and ranges (`cidr("10.0.0.0/8")`). */
import { isIP } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';

/** An address as a number and its width in bits. */
class IpAddress {
  readonly value: bigint;
  readonly bits: 32 | 128;
  constructor(value: bigint, bits: 32 | 128) {
    this.value = value;
    this.bits = bits;
  }

  /** Zones (`fe80::1%eth0`) and IPv4 in IPv6 (`::ffff:1.2.3.4`) are no addresses here, as in Kubernetes. */
  static parse(text: string): IpAddress | undefined {
    switch (text.includes('%') ? 0 : isIP(text)) {
      case 4:
        return new IpAddress(
          text.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n),
          32,
        );
      case 6: {
        const address = new IpAddress(ipv6Value(text), 128);
        return address.value >> 32n === 0xffffn ? undefined : address;
      }
      default:
        return undefined;
    }
  }

  within(network: string): boolean {
    return cidrOf(network).containsIp(this);
  }

  toString(): string {
    if (this.bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (this.value >> shift) & 255n).join('.');
    const groups = Array.from({ length: 8 }, (_, index) =>
      ((this.value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
    );
    // The platform's URL writes IPv6 in the canonical form (RFC 5952).
    return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
  }
}

function ipv6Value(text: string): bigint {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) + BigInt(`0x${group}`), 0n);
}

function ipOf(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address) return address;
  throw new Error(`IP Address "${text}" parse error during conversion from string: unable to parse IP`);
}

class AddressRange {
  readonly address: IpAddress;
  readonly prefix: number;
  constructor(address: IpAddress, prefix: number) {
    this.address = address;
    this.prefix = prefix;
  }

  static parse(text: string): AddressRange | undefined {
    const match = /^(.+)\/(0|[1-9]\d{0,2})$/.exec(text);
    const address = IpAddress.parse(match?.[1] ?? '');
    const prefix = Number(match?.[2]);
    return address && prefix <= address.bits ? new AddressRange(address, prefix) : undefined;
  }

  masked(): AddressRange {
    const { value, bits } = this.address;
    const host = BigInt(bits - this.prefix);
    return new AddressRange(new IpAddress((value >> host) << host, bits), this.prefix);
  }

  containsIp(address: IpAddress): boolean {
    const host = BigInt(this.address.bits - this.prefix);
    return address.bits === this.address.bits && address.value >> host === this.address.value >> host;
  }

  containsRange(other: AddressRange): boolean {
    return other.prefix >= this.prefix && this.containsIp(other.address);
  }

  toString(): string {
    return `${this.address}/${this.prefix}`;
  }
}

function cidrOf(text: string): AddressRange {
  const range = AddressRange.parse(text);
  if (range) return range;
  throw new Error(`network address parse error during conversion from string: "${text}" is not a CIDR`);
}

/** An absolute URL or an absolute path, as Go's url.ParseRequestURI takes them. */
class ParsedUrl {
  readonly text: string;
  readonly url: URL;
  readonly hasHost: boolean;
  constructor(text: string, url: URL, hasHost: boolean) {
    this.text = text;
    this.url = url;
    this.hasHost = hasHost;
  }

  static parse(text: string): ParsedUrl | undefined {
    if (/[\s\p{Cc}]/u.test(text)) return undefined;
    const hasHost = !text.startsWith('/');
    const url = URL.parse(hasHost ? text : `http://x${text}`);
    return url && (!hasHost || text.includes(':/')) ? new ParsedUrl(text, url, hasHost) : undefined;
  }

  query(): Map<string, string[]> {
    const query = new Map<string, string[]>();
    for (const [name, value] of this.url.searchParams) query.set(name, [...(query.get(name) ?? []), value]);
    return query;
  }
}

function urlOf(text: string): ParsedUrl {
  const url = ParsedUrl.parse(text);
  if (url) return url;
  throw new Error(`URL parse error during conversion from string: parse "${text}": invalid URI for request`);
}

class IpNamespace {}

export function registerAddressFunctions(environment: Environment): void {
  const add = (signature: string, handler: (...parts: never[]) => unknown): void => {
    environment.registerFunction(signature, handler, { async: false });
  };
  const [ip, cidr, url] = ['net.IP', 'net.CIDR', 'kubernetes.URL'];
  environment.registerType(ip, IpAddress);
  environment.registerType(cidr, AddressRange);
  environment.registerType(url, ParsedUrl);
  environment.registerType('net.IPNamespace', IpNamespace);
  environment.registerConstant('ip', 'net.IPNamespace', new IpNamespace());

  add('isIP(string): bool', (text: string) => IpAddress.parse(text) !== undefined);
  add(`ip(string): ${ip}`, ipOf);
  add('net.IPNamespace.isCanonical(string): bool', (_: IpNamespace, text: string) => ipOf(text).toString() === text);
  add(`string(${ip}): string`, (address: IpAddress) => address.toString());
  add(`${ip}.family(): int`, (address: IpAddress) => (address.bits === 32 ? 4n : 6n));
  add(`${ip}.isUnspecified(): bool`, (address: IpAddress) => address.value === 0n);
  const among = (name: string, ...networks: string[]): void =>
    add(`${ip}.${name}(): bool`, (address: IpAddress) => networks.some((network) => address.within(network)));
  among('isLoopback', '127.0.0.0/8', '::1/128');
  among('isLinkLocalMulticast', '224.0.0.0/24', 'ff02::/16');
  among('isLinkLocalUnicast', '169.254.0.0/16', 'fe80::/10');
  const notGlobal = ['0.0.0.0/32', '255.255.255.255/32', '127.0.0.0/8', '224.0.0.0/4', '169.254.0.0/16'];
  const notGlobal6 = ['::/128', '::1/128', 'ff00::/8', 'fe80::/10'];
  add(
    `${ip}.isGlobalUnicast(): bool`,
    (address: IpAddress) => ![...notGlobal, ...notGlobal6].some((network) => address.within(network)),
  );
  environment.registerOperator(
    `${ip} == ${ip}`,
    (a: IpAddress, b: IpAddress) => a.bits === b.bits && a.value === b.value,
  );

  add('isCIDR(string): bool', (text: string) => AddressRange.parse(text) !== undefined);
  add(`cidr(string): ${cidr}`, cidrOf);
  add(`string(${cidr}): string`, (range: AddressRange) => range.toString());
  add(`${cidr}.containsIP(string): bool`, (range: AddressRange, text: string) => range.containsIp(ipOf(text)));
  add(`${cidr}.containsIP(${ip}): bool`, (range: AddressRange, address: IpAddress) => range.containsIp(address));
  add(`${cidr}.containsCIDR(string): bool`, (range: AddressRange, text: string) => range.containsRange(cidrOf(text)));
  add(`${cidr}.containsCIDR(${cidr}): bool`, (range: AddressRange, other: AddressRange) => range.containsRange(other));
  add(`${cidr}.ip(): ${ip}`, (range: AddressRange) => range.address);
  add(`${cidr}.masked(): ${cidr}`, (range: AddressRange) => range.masked());
  add(`${cidr}.prefixLength(): int`, (range: AddressRange) => BigInt(range.prefix));
  environment.registerOperator(
    `${cidr} == ${cidr}`,
    (a: AddressRange, b: AddressRange) => a.toString() === b.toString(),
  );

  add('isURL(string): bool', (text: string) => ParsedUrl.parse(text) !== undefined);
  add(`url(string): ${url}`, urlOf);
  const part = (name: string, read: (url: URL) => string): void =>
    add(`${url}.${name}(): string`, (value: ParsedUrl) => (value.hasHost ? read(value.url) : ''));
  part('getScheme', ({ protocol }) => protocol.slice(0, -1));
  part('getHost', ({ host }) => host);
  part('getHostname', ({ hostname }) => hostname.replace(/^\[|\]$/g, ''));
  part('getPort', ({ port }) => port);
  add(`${url}.getEscapedPath(): string`, (value: ParsedUrl) =>
    value.url.pathname === '/' && !/[^:/]\/([?#]|$)/.test(value.text) && value.hasHost ? '' : value.url.pathname,
  );
  add(`${url}.getQuery(): map<string, list<string>>`, (value: ParsedUrl) => value.query());
  environment.registerOperator(`${url} == ${url}`, (a: ParsedUrl, b: ParsedUrl) => a.text === b.text);
}
