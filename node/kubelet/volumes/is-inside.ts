import { isAbsolute, relative, sep } from 'node:path';

/** Whether `path` is `base` or lies under it, by their names alone: whoever minds links asks for the real paths. */
export function isInside(base: string, path: string): boolean {
  const way = relative(base, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
