/** A node whose processor time and memory are used to the same degree can still take pods of every shape. */
import { maxScore, Normalize, type Plugin } from '../framework.ts';

export const nodeResourcesBalancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  scoring: {
    weight: 1,
    normalize: Normalize.none,
    scorer({ requests }) {
      if (requests.milliCpu === 0 && requests.memory === 0) return undefined;
      return ({ allocatable, requested }) => {
        const cpu = fraction(requested.milliCpu + requests.milliCpu, allocatable.milliCpu);
        const memory = fraction(requested.memory + requests.memory, allocatable.memory);
        // The standard deviation of two values is half their distance.
        return Math.floor((1 - Math.abs(cpu - memory) / 2) * maxScore);
      };
    },
  },
};

const fraction = (used: number, capacity: number): number => (capacity === 0 ? 1 : Math.min(1, used / capacity));
