/**
 * Which packages of a distribution give what is needed. Pure: it plans, `install.ts` does.
 */
import type { Distribution } from './system.ts';

/** What the commands of this project may need from the host. */
export type Need = 'docker' | 'compose' | 'debootstrap' | 'etcd' | 'kubectl' | 'iptables' | 'haproxy' | 'unzip';

export interface Plan {
  /** Files to write first. */
  readonly files: Readonly<Record<string, string>>;
  /** What `apt-get install` is given. */
  readonly packages: readonly string[];
}

interface Row {
  readonly debian: string;
  readonly ubuntu: string;
  /** Debian 12 lacks it, or has it too old: it comes from Debian 13. */
  readonly fromTrixie?: boolean;
  readonly elsewhere: string;
}

const rows: Record<Need, Row> = {
  docker: {
    debian: 'docker.io',
    ubuntu: 'docker.io',
    elsewhere: 'Docker Engine 20.10 or later (https://docs.docker.com/engine/install/)',
  },
  compose: {
    debian: 'docker-compose',
    ubuntu: 'docker-compose-v2',
    fromTrixie: true,
    elsewhere: 'Docker Compose 2.20 or later (https://docs.docker.com/compose/install/)',
  },
  debootstrap: { debian: 'debootstrap', ubuntu: 'debootstrap', elsewhere: 'debootstrap' },
  etcd: {
    debian: 'etcd-server',
    ubuntu: 'etcd-server',
    fromTrixie: true,
    elsewhere: 'etcd 3.5 (https://etcd.io/docs/v3.5/install/)',
  },
  kubectl: {
    debian: 'kubernetes-client',
    ubuntu: 'kubernetes-client',
    fromTrixie: true,
    elsewhere: 'kubectl (https://kubernetes.io/docs/tasks/tools/)',
  },
  iptables: { debian: 'iptables', ubuntu: 'iptables', elsewhere: 'iptables' },
  unzip: { debian: 'unzip', ubuntu: 'unzip', elsewhere: 'unzip' },
  // Only what the balancer is measured beside.
  haproxy: { debian: 'haproxy', ubuntu: 'haproxy', elsewhere: 'haproxy (https://www.haproxy.org)' },
};

/** Debian 13 beside Debian 12, pinned so low that nothing comes from it unasked. */
const trixieFiles = {
  '/etc/apt/sources.list.d/trimaster-trixie.sources': [
    'Types: deb',
    'URIs: http://deb.debian.org/debian',
    'Suites: trixie',
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    '',
  ].join('\n'),
  '/etc/apt/preferences.d/trimaster-trixie': ['Package: *', 'Pin: release n=trixie', 'Pin-Priority: 100', ''].join(
    '\n',
  ),
};

/** How to get `needs` here, or undefined where this project does not know the distribution's packages. */
export function planInstall(needs: readonly Need[], on: Distribution): Plan | undefined {
  if (on.id === 'ubuntu') return { files: {}, packages: needs.map((need) => rows[need].ubuntu) };
  if (on.id !== 'debian') return undefined;
  const bookworm = on.codename === 'bookworm';
  const packages = needs.map((need) => `${rows[need].debian}${bookworm && rows[need].fromTrixie ? '/trixie' : ''}`);
  // From Debian 13 on the engine comes without its command.
  if (needs.includes('docker') && !bookworm) packages.push('docker-cli');
  return { files: packages.some((name) => name.endsWith('/trixie')) ? trixieFiles : {}, packages };
}

/** One line that says what to install where this project cannot do it. */
export function installByHand(needs: readonly Need[], on: Distribution, isRoot: boolean): string {
  const what = needs.map((need) => rows[need].elsewhere).join(' and ');
  const plan = planInstall(needs, on);
  if (!plan) return `Please install ${what}, then run this again.`;
  return isRoot
    ? `Please install ${what}.`
    : `Please install ${what}, or run this once as root, which installs them from ${on.pretty}.`;
}
