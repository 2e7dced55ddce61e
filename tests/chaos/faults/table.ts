/** All faults, one row each. `npm run chaos -- --list` prints them. */
import { certificateFaults } from './certificate-faults.ts';
import { clockFaults } from './clock-faults.ts';
import { clusterFaults } from './cluster-faults.ts';
import { delayFaults } from './delay-faults.ts';
import { diskFaults } from './disk-faults.ts';
import type { Fault } from './fault.ts';
import { machineFaults } from './machine-faults.ts';
import { networkFaults } from './network-faults.ts';
import { processFaults } from './process-faults.ts';

export const faults: readonly Fault[] = [
  ...machineFaults,
  ...processFaults,
  ...networkFaults,
  ...delayFaults,
  ...diskFaults,
  ...clockFaults,
  ...certificateFaults,
  ...clusterFaults,
];

const names = new Set(faults.map(({ name }) => name));
if (names.size !== faults.length) throw new Error('two faults have the same name');

/** The faults that the patterns name: `kill-leader`, `pause-*`, `all`. Throws an Error that lists the names. */
export function faultsNamed(patterns: readonly string[]): Fault[] {
  const chosen = patterns.flatMap((pattern) => {
    const found = faults.filter(({ name }) => matches(pattern, name));
    if (found.length === 0) throw new Error(`there is no fault ${pattern}; there are: ${[...names].join(', ')}`);
    return found;
  });
  return [...new Set(chosen)];
}

function matches(pattern: string, name: string): boolean {
  if (pattern === 'all') return true;
  const parts = pattern.split('*');
  return parts.length === 1
    ? name === pattern
    : name.startsWith(parts[0] ?? '') && name.endsWith(parts.at(-1) ?? '') && name.length >= pattern.length - 1;
}
