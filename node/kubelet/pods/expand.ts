/** `$(NAME)` references in commands, arguments and variables, as Kubernetes' API reference describes them for Container. Pure. */

/** Replaces what is known; an unknown reference stays as it stands, and `$$` is a single `$` that starts no reference. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole, name?: string) => {
    if (whole === '$$') return '$';
    return lookup(name ?? '') ?? whole;
  });
}
