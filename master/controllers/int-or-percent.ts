/** A number, or a percentage of `of`: not rounded yet. */
export function amountOf(value: number | string, of: number): number {
  return typeof value === 'number' ? value : (Number.parseInt(value, 10) * of) / 100;
}
