/** How findings name containers, as the Pod Security Standards' own messages do. */
import type { Container, PodSpec } from '../../../api/types.ts';
import { containersOf } from '../pod-containers.ts';

/** What is wrong: why in a few words, and where. */
export interface Finding {
  readonly reason: string;
  readonly detail: string;
}

export type Check = (spec: PodSpec, annotations: Readonly<Record<string, string>>) => Finding | undefined;

export const quoted = (items: readonly string[]): string => items.map((item) => `"${item}"`).join(', ');

export const plural = (singular: string, count: number): string => (count === 1 ? singular : `${singular}s`);

export const sortedSet = (items: Iterable<string>): string[] => [...new Set(items)].sort();

/** `container "a"`, `containers "a", "b"`. */
export const named = (what: string, names: readonly string[]): string =>
  `${plural(what, names.length)} ${quoted(names)}`;

export function containersThat(spec: PodSpec, test: (container: Container) => boolean): string[] {
  return containersOf(spec)
    .filter(test)
    .map(({ name }) => name);
}

/** `pod and container "a"`: who sets something, on the pod or on containers. Empty when nobody does. */
export function setters(spec: PodSpec, pod: boolean, test: (container: Container) => boolean): string {
  const names = containersThat(spec, test);
  return [...(pod ? ['pod'] : []), ...(names.length > 0 ? [named('container', names)] : [])].join(' and ');
}

/** The pod is in a user namespace of its own: root in it is nobody outside. */
export const hasUserNamespace = (spec: PodSpec): boolean => spec.hostUsers === false;

export const isWindows = (spec: PodSpec): boolean => spec.os?.name === 'windows';
