/** What is behind a Service: its EndpointSlices; where it has none, Endpoints that somebody wrote by hand. */
import type { EndpointSlice, Endpoints } from '../../api/types.ts';
import type { Objects } from '../admission/objects.ts';

const serviceLabel = 'kubernetes.io/service-name';

/** In the form of Endpoints, with the addresses that are ready; undefined when the Service has neither. */
export async function endpointsOf(objects: Objects, namespace: string, name: string): Promise<Endpoints | undefined> {
  const all: EndpointSlice[] = await objects.list('endpointslices', namespace);
  const slices = all.filter(({ metadata }) => metadata?.labels?.[serviceLabel] === name);
  return slices.length > 0 ? { subsets: slices.map(subsetOf) } : objects.get('endpoints', name, namespace);
}

function subsetOf({ endpoints, ports }: EndpointSlice): NonNullable<Endpoints['subsets']>[number] {
  const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
  return {
    // The addresses of one endpoint are all its own.
    addresses: ready.flatMap(({ addresses: [ip], targetRef }) =>
      ip === undefined ? [] : [{ ip, ...(targetRef && { targetRef }) }],
    ),
    ports: (ports ?? []).flatMap(({ port, name }) => (port === undefined ? [] : [{ port, ...(name && { name }) }])),
  };
}
