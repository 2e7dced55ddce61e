/**
 * Whether there is a server behind the Service that an APIService names, in the reasons and words of kube-aggregator's
 * availability controller. Whether that server answers, only asking it shows.
 */
import type { APIService, Endpoints, Service } from '../../../api/types.ts';

/** As the condition Available says it. */
export interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export const local: Verdict = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};
export const passed: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

export function failedCheck(message: string): Verdict {
  return { status: 'False', reason: 'FailedDiscoveryCheck', message };
}

type ServiceReference = NonNullable<NonNullable<APIService['spec']>['service']>;

/** What is in the way of asking; undefined when nothing is. `endpoints` are those of the Service. */
export function missingServer(
  { namespace = '', name = '', port = 443 }: ServiceReference,
  service: Service | undefined,
  endpoints: Endpoints | undefined,
): Verdict | undefined {
  const where = `service/${name} in ${JSON.stringify(namespace)}`;
  const fails = (reason: string, message: string): Verdict => ({ status: 'False', reason, message });
  if (!service) return fails('ServiceNotFound', `${where} is not present`);
  // Only what has a cluster IP says which ports there are, and has endpoints here.
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const declared = service.spec?.ports?.find((each) => each.port === port);
  if (!declared) return fails('ServicePortError', `${where} is not listening on port ${port}`);
  if (!endpoints) return fails('EndpointsNotFound', `cannot find endpointslices for ${where}`);
  const portName = declared.name ?? '';
  const reachable = endpoints.subsets?.some(
    ({ addresses = [], ports = [] }) => addresses.length > 0 && ports.some(({ name: own = '' }) => own === portName),
  );
  if (reachable) return undefined;
  return fails(
    'MissingEndpoints',
    `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}`,
  );
}
