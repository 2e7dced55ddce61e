/** What every cluster has from the start beside namespaces and the way to its API: classes, ranges and names of what is served. */
import { apiVersionOf, type Kind } from '../../api/kinds.ts';
import type { APIService, KubeObject, ResourceName, ServiceCIDR } from '../../api/types.ts';
import { systemPriorityClasses } from './strategies/classes-of-pods.ts';

const corePriority = 18_000;
const groupPriority = 17_800;
const autoManaged = { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' };

/** The ServiceCIDR that the cluster begins with. */
export const rangeName = 'kubernetes';

/** It, with the CIDR that it says. */
export const firstRange = (cidr: string): ServiceCIDR => ({
  metadata: { name: rangeName, finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
  spec: { cidrs: [cidr] },
});

/** The others, each with its resource. `served` are the rows of what this server answers. */
export function firstObjects(served: readonly Kind[]): [ResourceName, KubeObject][] {
  const of = (resource: ResourceName, objects: readonly KubeObject[]): [ResourceName, KubeObject][] =>
    objects.map((object) => [resource, structuredClone(object)]);
  return [...of('priorityclasses', systemPriorityClasses), ...of('apiservices', localServices(served))];
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
