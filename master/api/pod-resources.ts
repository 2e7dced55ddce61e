/**
 * What a pod asks for and may use at most, as limits and quotas count it: the larger of its running containers together and
 * its hungriest moment of initialisation, plus its overhead. Init containers that always restart (sidecars) run beside
 * everything after them (KEP-753, "Resources calculation").
 */
import { formatBytes, formatCpu, milliValue } from './quantity.ts';
import type { Container, Pod } from './types.ts';

/** Amounts by the names of resources, in thousandths of their unit, so that they add up exactly. */
export type Amounts = Map<string, number>;

export function podAmounts({ spec }: Pod, which: 'requests' | 'limits'): Amounts {
  const of = (container: Container): Amounts => amountsOf(container.resources?.[which]);
  const running: Amounts = new Map();
  for (const container of spec?.containers ?? []) add(running, of(container));
  const sidecars: Amounts = new Map();
  const peak: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const amounts = of(container);
    if (container.restartPolicy === 'Always') {
      add(running, amounts);
      add(sidecars, amounts);
      raise(peak, sidecars);
    } else {
      add(amounts, sidecars);
      raise(peak, amounts);
    }
  }
  raise(running, peak);
  // Overhead counts against a limit only where there is one.
  for (const [name, amount] of amountsOf(spec?.overhead)) {
    const before = running.get(name);
    if (which === 'requests' || before !== undefined) running.set(name, (before ?? 0) + amount);
  }
  return running;
}

export function amountsOf(quantities: Readonly<Record<string, string | number>> = {}): Amounts {
  return new Map(Object.entries(quantities).map(([name, quantity]) => [name, milliValue(quantity)]));
}

export function add(total: Amounts, more: ReadonlyMap<string, number>): void {
  for (const [name, amount] of more) total.set(name, (total.get(name) ?? 0) + amount);
}

function raise(total: Amounts, to: ReadonlyMap<string, number>): void {
  for (const [name, amount] of to) total.set(name, Math.max(total.get(name) ?? 0, amount));
}

/** An amount as Kubernetes writes a quantity of this resource: `100m`, `1Gi`, `3`. */
export function formatAmount(name: string, milli: number): string {
  const isBytes = /(^|[./])(memory|storage|ephemeral-storage)$|hugepages-/.test(name);
  return isBytes && milli % 1000 === 0 ? formatBytes(milli / 1000) : formatCpu(milli);
}
