/**
 * Data locality of images: a node that has the pod's images already starts it sooner. An image counts with its size, and
 * less while few nodes have it, so that one node with a rare image does not draw all the pods.
 */
import { maxScore, Normalize, type Plugin } from '../framework.ts';

const mebibyte = 1024 * 1024;
const smallestBytes = 23 * mebibyte;
const largestBytesPerContainer = 1000 * mebibyte;

export const imageLocality: Plugin = {
  name: 'ImageLocality',
  scoring: {
    weight: 1,
    normalize: Normalize.none,
    scorer({ images }, { cache }) {
      const total = cache.nodes().length;
      const largest = largestBytesPerContainer * images.length;
      return (node) => {
        let bytes = 0;
        for (const image of images) {
          if (node.images.has(image)) bytes += localBytes(cache.image(image), total);
        }
        const counted = Math.min(Math.max(bytes, smallestBytes), largest);
        return Math.floor((maxScore * (counted - smallestBytes)) / (largest - smallestBytes));
      };
    },
  },
};

function localBytes(state: { size: number; nodes: number } | undefined, total: number): number {
  return state ? (state.size * state.nodes) / total : 0;
}
