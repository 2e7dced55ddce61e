/** Kubernetes' CEL libraries for quantities (`quantity("1Gi")`) and semantic versions (`semver("1.2.3")`). */
import type { Environment } from '@marcbachmann/cel-js';

const suffixes: Readonly<Record<string, readonly [base: bigint, power: number]>> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [1024n, 1],
  Mi: [1024n, 2],
  Gi: [1024n, 3],
  Ti: [1024n, 4],
  Pi: [1024n, 5],
  Ei: [1024n, 6],
};
const billion = 1_000_000_000n;

/** Exact to a billionth, which is the finest that Kubernetes' quantities keep; what is finer is rounded up. */
class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  static parse(text: string): Quantity | undefined {
    const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/.exec(text);
    const [, sign, whole = '', fraction = '', suffix, exponent] = match ?? [];
    if (!match || whole.length + fraction.length === 0 || text.length > 64) return undefined;
    const [base, power] = (suffix === undefined ? undefined : suffixes[suffix]) ?? [10n, Number(exponent ?? 0)];
    // whole.fraction × base^power, in billionths: digits × 10^(9 − places) × base^power, divided last.
    let numerator = BigInt(whole + fraction) * billion;
    let denominator = 10n ** BigInt(fraction.length);
    if (power >= 0) numerator *= base ** BigInt(power);
    else denominator *= base ** BigInt(-power);
    const nanos = (numerator + denominator - 1n) / denominator;
    return new Quantity(sign === '-' ? -nanos : nanos);
  }

  compareTo(other: Quantity): bigint {
    return this.nanos < other.nanos ? -1n : this.nanos > other.nanos ? 1n : 0n;
  }

  asInteger(): bigint {
    const whole = this.nanos / billion;
    if (this.nanos % billion !== 0n || whole > 2n ** 63n - 1n || whole < -(2n ** 63n)) {
      throw new Error('cannot convert value to integer');
    }
    return whole;
  }

  isInteger(): boolean {
    return this.nanos % billion === 0n;
  }
}

function quantityOf(text: string): Quantity {
  const quantity = Quantity.parse(text);
  if (quantity) return quantity;
  throw new Error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

/** semver.org 2.0.0. Build metadata is no part of the order. */
class SemanticVersion {
  readonly parts: readonly bigint[];
  readonly prerelease: readonly string[];
  constructor(parts: readonly bigint[], prerelease: readonly string[]) {
    this.parts = parts;
    this.prerelease = prerelease;
  }

  /** `normalize` takes `v1.2` for `1.2.0`, as the second argument of Kubernetes' functions does. */
  static parse(text: string, normalize = false): SemanticVersion | undefined {
    const number = normalize ? '(\\d+)' : '(0|[1-9]\\d*)';
    const rest = '(?:-([0-9A-Za-z.-]+))?(?:\\+[0-9A-Za-z.-]+)?';
    const pattern = normalize
      ? `^v?${number}(?:\\.${number})?(?:\\.${number})?${rest}$`
      : `^${number}\\.${number}\\.${number}${rest}$`;
    const match = text.length > 256 ? null : new RegExp(pattern).exec(text);
    if (!match) return undefined;
    const prerelease = match[4]?.split('.') ?? [];
    if (prerelease.some((part) => part === '' || (!normalize && /^0\d+$/.test(part)))) return undefined;
    return new SemanticVersion(
      [1, 2, 3].map((index) => BigInt(match[index] ?? 0)),
      prerelease,
    );
  }

  compareTo(other: SemanticVersion): bigint {
    for (const [index, part] of this.parts.entries()) {
      const theirs = other.parts[index] ?? 0n;
      if (part !== theirs) return part < theirs ? -1n : 1n;
    }
    return comparePrereleases(this.prerelease, other.prerelease);
  }
}

function comparePrereleases(left: readonly string[], right: readonly string[]): bigint {
  if (left.length === 0 || right.length === 0) return BigInt(Math.sign(right.length - left.length));
  for (const [index, part] of left.entries()) {
    const theirs = right[index];
    if (theirs === undefined) return 1n;
    if (part === theirs) continue;
    const [a, b] = [/^\d+$/.test(part), /^\d+$/.test(theirs)];
    if (a && b) return BigInt(part) < BigInt(theirs) ? -1n : 1n;
    if (a !== b) return a ? -1n : 1n;
    return part < theirs ? -1n : 1n;
  }
  return left.length < right.length ? -1n : 0n;
}

function versionOf(text: string, normalize = false): SemanticVersion {
  const version = SemanticVersion.parse(text, normalize);
  if (version) return version;
  throw new Error(`"${text}" is not a semantic version`);
}

interface Ordered {
  compareTo(other: Ordered): bigint;
}

export function registerNumberFunctions(environment: Environment): void {
  const add = (signature: string, handler: (...parts: never[]) => unknown): void => {
    environment.registerFunction(signature, handler, { async: false });
  };
  const quantity = 'kubernetes.Quantity';
  environment.registerType(quantity, Quantity);
  add(`quantity(string): ${quantity}`, quantityOf);
  add('isQuantity(string): bool', (text: string) => Quantity.parse(text) !== undefined);
  add(`${quantity}.sign(): int`, (value: Quantity) => value.compareTo(new Quantity(0n)));
  add(`${quantity}.isInteger(): bool`, (value: Quantity) => value.isInteger());
  add(`${quantity}.asInteger(): int`, (value: Quantity) => value.asInteger());
  add(`${quantity}.asApproximateFloat(): double`, (value: Quantity) => Number(value.nanos) / 1e9);
  add(`${quantity}.add(${quantity}): ${quantity}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos));
  add(`${quantity}.add(int): ${quantity}`, (a: Quantity, b: bigint) => new Quantity(a.nanos + b * billion));
  add(`${quantity}.sub(${quantity}): ${quantity}`, (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos));
  add(`${quantity}.sub(int): ${quantity}`, (a: Quantity, b: bigint) => new Quantity(a.nanos - b * billion));
  const version = 'kubernetes.Semver';
  environment.registerType(version, SemanticVersion);
  add(`semver(string): ${version}`, (text: string) => versionOf(text));
  add(`semver(string, bool): ${version}`, versionOf);
  add('isSemver(string): bool', (text: string) => SemanticVersion.parse(text) !== undefined);
  add(
    'isSemver(string, bool): bool',
    (text: string, normalize: boolean) => SemanticVersion.parse(text, normalize) !== undefined,
  );
  for (const [index, part] of ['major', 'minor', 'patch'].entries()) {
    add(`${version}.${part}(): int`, (value: SemanticVersion) => value.parts[index]);
  }
  for (const type of [quantity, version]) {
    add(`${type}.compareTo(${type}): int`, (a: Ordered, b: Ordered) => a.compareTo(b));
    add(`${type}.isLessThan(${type}): bool`, (a: Ordered, b: Ordered) => a.compareTo(b) < 0n);
    add(`${type}.isGreaterThan(${type}): bool`, (a: Ordered, b: Ordered) => a.compareTo(b) > 0n);
    environment.registerOperator(`${type} == ${type}`, (a: Ordered, b: Ordered) => a.compareTo(b) === 0n);
  }
}
