/** What every cluster has from the start beside namespaces and the way to its API: classes, ranges and names of what is served. */
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { APIService, KubeObject, ResourceName, ServiceCIDR } from '../../api/types.ts';
import { systemPriorityClasses } from './strategies/classes-of-pods.ts';

const corePriority = 18_000;
const groupPriority = 17_800;
const autoManaged = { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' };

/** The ServiceCIDR that the cluster begins with. */
export const rangeName = 'kubernetes';

/** All of it, each with its resource. `served` are the rows of what this server answers; `serviceRange` is a CIDR. */
export function firstObjects(served: readonly Kind[], serviceRange: string): [ResourceName, KubeObject][] {
  const of = (resource: ResourceName, objects: readonly KubeObject[]): [ResourceName, KubeObject][] =>
    objects.map((object) => [resource, structuredClone(object)]);
  const range: ServiceCIDR = {
    metadata: { name: rangeName, finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
    spec: { cidrs: [serviceRange] },
  };
  return [
    ...of('priorityclasses', systemPriorityClasses),
    ...of('servicecidrs', [range]),
    ...of('apiservices', localServices(served)),
  ];
}

/** One for each group version, which says that it is served here; what comes first is preferred. */
function localServices(served: readonly Kind[]): APIService[] {
  const versions = new Map(served.map((kind) => [apiVersionOf(kind), kind]));
  return [...versions.values()].map(({ group, version }, index) => ({
    metadata: { name: `${version}.${group}`, labels: autoManaged },
    spec: {
      ...(group !== '' && { group }),
      version,
      groupPriorityMinimum: group === '' ? corePriority : groupPriority - 10 * index,
      versionPriority: group === '' ? 1 : 15 + Number(version.slice(1)),
    },
  }));
}
