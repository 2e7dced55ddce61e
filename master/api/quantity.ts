/**
 * Quantities of resources, as Kubernetes writes them: `100m`, `1.5`, `128Mi`, `2e3`.
 * The grammar is that of the API reference, "Quantity".
 */

const binary: Record<string, number> = { Ki: 1, Mi: 2, Gi: 3, Ti: 4, Pi: 5, Ei: 6 };
const decimal: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };

/** The message of Kubernetes for a text that is no quantity. */
export const quantityPattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

/** A quantity in its base unit (cores, bytes, a count). Throws an Error for a text that is none. */
export function quantityToNumber(text: string | number): number {
  const { mantissa, factor } = split(text);
  return mantissa * factor;
}

/** A quantity in thousandths, rounded up: `"100m"` → 100, `1` → 1000. Throws as `quantityToNumber` does. */
export function milliValue(text: string | number): number {
  return Math.ceil(round(quantityToNumber(text) * 1000));
}

/** Whether the text is a quantity. */
export function isQuantity(text: unknown): text is string | number {
  if (typeof text !== 'string' && typeof text !== 'number') return false;
  try {
    split(text);
    return true;
  } catch {
    return false;
  }
}

/** Processor time as Kubernetes prints it: `100m`, `1`, `1500m`. */
export const formatCpu = (milli: number): string => (milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`);

/** Bytes with the largest binary suffix that keeps them whole: `128Mi`, `1000`. */
export function formatBytes(bytes: number): string {
  let rest = Math.floor(bytes);
  for (const suffix of ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']) {
    if (rest === 0 || rest % 1024 !== 0) return `${rest}${suffix}`;
    rest /= 1024;
  }
  return `${rest}Ei`;
}

function split(text: string | number): { mantissa: number; factor: number } {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?$/.exec(
    String(text),
  );
  if (!match) throw new Error(`quantities must match the regular expression '${quantityPattern}'`);
  const [, mantissa, two, ten, exponent] = match;
  const factor = two
    ? 1024 ** (binary[two] ?? 0)
    : 10 ** (exponent === undefined ? (decimal[ten ?? ''] ?? 0) : Number(exponent));
  return { mantissa: Number(mantissa), factor };
}

/** Takes away the dust of binary fractions, so that 0.1 × 1000 is 100 and not 100.00000000000001. */
const round = (value: number): number => Math.round(value * 1e6) / 1e6;
