/** What Kubernetes 1.36 warns of in a Service: what is deprecated, what means nothing beside the rest, addresses in other than their usual form. */
import type { Service } from '../../../api/types.ts';
import { addressWarnings } from './address-warnings.ts';

const oldHints = 'service.kubernetes.io/topology-aware-hints';

export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const { type, clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP = '' } = spec;
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None';
  const isName = type === 'ExternalName';
  const warnings: string[] = [];
  const warn = (holds: boolean | undefined, text: string): void => {
    if (holds) warnings.push(text);
  };
  warn(
    metadata?.annotations?.[oldHints] !== undefined,
    `annotation ${oldHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
  );
  if (!isHeadless) warnings.push(...unusual(clusterIPs, 'spec.clusterIPs'));
  if (isHeadless) {
    warn(loadBalancerIP !== '', 'spec.loadBalancerIP is ignored for headless services');
    warn(externalIPs.length > 0, 'spec.externalIPs is ignored for headless services');
    warn(spec.sessionAffinity === 'ClientIP', 'spec.SessionAffinity is ignored for headless services');
  }
  warnings.push(...unusual(externalIPs, 'spec.externalIPs'));
  warn(
    externalIPs.length > 0 && !isHeadless && !isName,
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  );
  if (loadBalancerIP !== '') warnings.push(...addressWarnings(loadBalancerIP, 'spec.loadBalancerIP'));
  warn(isName && externalIPs.length > 0, 'spec.externalIPs is ignored when spec.type is "ExternalName"');
  warn(!isName && !!spec.externalName, 'spec.externalName is ignored when spec.type is not "ExternalName"');
  warn(
    spec.trafficDistribution === 'PreferClose',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  );
  return warnings;
}

const unusual = (addresses: readonly string[], field: string): string[] =>
  addresses.flatMap((address, index) => addressWarnings(address, `${field}[${index}]`));
