/** The containers of a pod, as several plugins go through them. */
import type { Container, PodSpec } from '../../api/types.ts';

/** All of them, also those for debugging, in the order in which Kubernetes names them. */
export function containersOf(spec: PodSpec): Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = spec;
  return [...initContainers, ...containers, ...ephemeralContainers];
}
