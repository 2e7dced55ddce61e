/** A port of a Service without endpoints, as kube-proxy sees it. */
import type { ServicePortState } from '../../node/proxy/service-ports.ts';

export const servicePort = (changes: Partial<ServicePortState>): ServicePortState => ({
  name: 'default/echo',
  protocol: 'TCP',
  clusterIp: '10.96.0.5',
  port: 80,
  nodePort: undefined,
  externalIps: [],
  affinitySeconds: undefined,
  internalLocal: false,
  externalLocal: false,
  endpoints: [],
  ...changes,
});
