/** The order of versions: `v10`, `v2`, `v1`, `v3beta1`, `v12alpha1`, and then whatever has no such form, by the alphabet. */

const stages = ['', 'beta', 'alpha'];

/** Below zero where `a` is preferred to `b`, as Kubernetes' "Version priority" says. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Smaller comes first: stage, then major and minor number from the highest on. */
function rankOf(version: string): number[] | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  return match ? [stages.indexOf(match[2] ?? ''), -Number(match[1]), -Number(match[3] ?? 0)] : undefined;
}
