/**
 * Rules of one netfilter table as chains of lines, and the text that turns what is there into what is wanted.
 *
 * `iptables-restore --noflush` empties each chain that the text declares and leaves all others as they are, and puts the whole
 * text into effect at once or not at all. So only chains that change are written: the others keep their counters, on which
 * the round robin over endpoints stands.
 */
export type Chains = Map<string, readonly string[]>;

/** A rule in a chain of the kernel's that leads into one of ours. */
export interface Jump {
  readonly from: string;
  readonly to: string;
  readonly match?: string;
}

/** What a table has of ours, as `iptables-save` tells it. */
export interface Present {
  readonly chains: ReadonlySet<string>;
  readonly jumps: ReadonlySet<string>;
}

/** Chains of ours begin with one of these; nothing else is ever touched. */
const prefixes = ['KUBE-', 'TRIMASTER-'];

export interface TableChange {
  readonly table: string;
  readonly wanted: Chains;
  /** What was written last; undefined writes everything. */
  readonly written: Chains | undefined;
  readonly jumps: readonly Jump[];
  /** What is there; undefined where nobody looked: then what was written is taken to be there still. */
  readonly present: Present | undefined;
}

/** The text for `iptables-restore --noflush`; empty when nothing is to do. */
export function restoreText({ table, wanted, written, jumps, present }: TableChange): string {
  const isThere = (chain: string) => present?.chains.has(chain) ?? written?.has(chain) ?? false;
  const changed = [...wanted].filter(([chain, rules]) => !isThere(chain) || !sameRules(written?.get(chain), rules));
  const known = present?.chains ?? new Set(written?.keys() ?? []);
  const stale = [...known].filter((chain) => !wanted.has(chain)).sort();
  const missing = jumps.filter((jump) => (present ? !present.jumps.has(jumpKey(jump)) : written === undefined));
  if (changed.length === 0 && stale.length === 0 && missing.length === 0) return '';
  return [
    `*${table}`,
    ...changed.map(([chain]) => `:${chain} - [0:0]`),
    ...stale.map((chain) => `:${chain} - [0:0]`),
    ...changed.flatMap(([chain, rules]) => rules.map((rule) => `-A ${chain} ${rule}`)),
    ...missing.map(({ from, to, match }) => `-I ${from} 1 ${match ? `${match} ` : ''}-j ${to}`),
    ...stale.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n');
}

/** Reads the text of `iptables-save -t <table>`. */
export function parseSave(text: string): Present {
  const chains = new Set<string>();
  const jumps = new Set<string>();
  for (const line of text.split('\n')) {
    const chain = /^:(\S+)/.exec(line)?.[1];
    if (chain && isOurs(chain)) chains.add(chain);
    const jump = /^-A (\S+) (?:.* )?-j (\S+)$/.exec(line.trim());
    if (jump && !isOurs(jump[1]!) && isOurs(jump[2]!)) jumps.add(jumpKey({ from: jump[1]!, to: jump[2]! }));
  }
  return { chains, jumps };
}

function isOurs(chain: string): boolean {
  return prefixes.some((prefix) => chain.startsWith(prefix));
}

function jumpKey({ from, to }: Jump): string {
  return `${from} ${to}`;
}

function sameRules(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]);
}
