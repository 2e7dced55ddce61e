/**
 * The Pod Security Standards as a table: each check with its level, the versions of Kubernetes from which it stands in its
 * present form, and which checks of `baseline` it replaces. Levels and versions are those of the labels on a namespace.
 */
import type { Pod } from '../../../api/types.ts';
import * as baseline from './baseline.ts';
import * as restricted from './restricted.ts';
import type { Check, Finding } from './words.ts';

export const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

/** A minor version of Kubernetes 1, or the latest. */
export type StandardVersion = number | 'latest';

export interface Standard {
  readonly level: Level;
  readonly version: StandardVersion;
}

interface Row {
  readonly id: string;
  readonly level: 'baseline' | 'restricted';
  /** From which minor version the check stands in which form, rising. */
  readonly forms: readonly (readonly [from: number, check: Check])[];
  /** The check of `baseline` that it stands in for. */
  readonly replaces?: string;
}

const seLinuxTypes = ['container_t', 'container_init_t', 'container_kvm_t'];
const firstSysctls = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctls27 = [...firstSysctls, 'net.ipv4.ip_local_reserved_ports'];
const sysctls29 = [
  ...sysctls27,
  ...['time', 'intvl', 'probes'].map((name) => `net.ipv4.tcp_keepalive_${name}`),
  'net.ipv4.tcp_fin_timeout',
];
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];
const sysctls = (names: readonly string[]): Check => baseline.sysctls(new Set(names));

/** In the order of Kubernetes' messages: by level, then by id. */
const rows: readonly Row[] = [
  { id: 'appArmorProfile', level: 'baseline', forms: [[0, baseline.appArmor]] },
  { id: 'capabilities_baseline', level: 'baseline', forms: [[0, baseline.capabilities]] },
  { id: 'hostNamespaces', level: 'baseline', forms: [[0, baseline.hostNamespaces]] },
  { id: 'hostPathVolumes', level: 'baseline', forms: [[0, baseline.hostPathVolumes]] },
  { id: 'hostPorts', level: 'baseline', forms: [[0, baseline.hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', forms: [[34, baseline.hostProbes]] },
  { id: 'privileged', level: 'baseline', forms: [[0, baseline.privileged]] },
  {
    id: 'procMount',
    level: 'baseline',
    forms: [
      [0, baseline.procMount],
      [35, baseline.procMountUnlessUserNamespace],
    ],
  },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    forms: [
      [0, baseline.seLinuxOptions(new Set(seLinuxTypes))],
      [31, baseline.seLinuxOptions(new Set([...seLinuxTypes, 'container_engine_t']))],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    level: 'baseline',
    forms: [
      [0, baseline.seccompAnnotations],
      [19, baseline.seccompProfile],
    ],
  },
  {
    id: 'sysctls',
    level: 'baseline',
    forms: [
      [0, sysctls(firstSysctls)],
      [27, sysctls(sysctls27)],
      [29, sysctls(sysctls29)],
      [32, sysctls(sysctls32)],
    ],
  },
  { id: 'windowsHostProcess', level: 'baseline', forms: [[0, baseline.windowsHostProcess]] },
  {
    id: 'allowPrivilegeEscalation',
    level: 'restricted',
    forms: [
      [8, restricted.allowPrivilegeEscalation],
      [25, restricted.unlessWindows(restricted.allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    level: 'restricted',
    replaces: 'capabilities_baseline',
    forms: [
      [22, restricted.capabilitiesDropped],
      [25, restricted.unlessWindows(restricted.capabilitiesDropped)],
    ],
  },
  { id: 'procMount_restricted', level: 'restricted', replaces: 'procMount', forms: [[35, baseline.procMount]] },
  {
    id: 'restrictedVolumes',
    level: 'restricted',
    replaces: 'hostPathVolumes',
    forms: [[0, restricted.restrictedVolumes]],
  },
  {
    id: 'runAsNonRoot',
    level: 'restricted',
    forms: [
      [0, restricted.runAsNonRoot],
      [35, restricted.unlessUserNamespace(restricted.runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    level: 'restricted',
    forms: [
      [23, restricted.runAsUser],
      [35, restricted.unlessUserNamespace(restricted.runAsUser)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    level: 'restricted',
    replaces: 'seccompProfile_baseline',
    forms: [
      [19, restricted.seccompProfileSet],
      [25, restricted.unlessWindows(restricted.seccompProfileSet)],
    ],
  },
];

/** What in a pod, or in the template of one, is against a level. */
export function findings({ level, version }: Standard, { metadata, spec }: Pick<Pod, 'metadata' | 'spec'>): Finding[] {
  if (level === 'privileged' || !spec) return [];
  const annotations = metadata?.annotations ?? {};
  return checksOf(level, version).flatMap((check) => check(spec, annotations) ?? []);
}

function checksOf(level: 'baseline' | 'restricted', version: StandardVersion): Check[] {
  const minor = version === 'latest' ? Number.POSITIVE_INFINITY : version;
  const present = rows.flatMap((row) => {
    const check = row.forms.findLast(([from]) => from <= minor)?.[1];
    return check && (level === 'restricted' || row.level === 'baseline') ? [{ ...row, check }] : [];
  });
  const replaced = new Set(present.map(({ replaces }) => replaces));
  return present.filter(({ id }) => !replaced.has(id)).map(({ check }) => check);
}

/** `restricted:latest`, `baseline:v1.30`. */
export const standardText = ({ level, version }: Standard): string =>
  `${level}:${version === 'latest' ? version : `v1.${version}`}`;

/** `reason (detail), reason (detail)`. */
export const findingsText = (list: readonly Finding[]): string =>
  list.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ');
