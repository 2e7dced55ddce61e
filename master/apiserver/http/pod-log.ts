/** pods/log: which container of which node's kubelet, and with which options; the kubelet has the words themselves. */
import { badRequest, type Cause, invalid, notFound } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Node, Pod } from '../../api/types.ts';
import type { Registry } from '../registry/registry.ts';
import { contextOf } from './exchange.ts';
import type { KubeletProxy } from './kubelet-proxy.ts';
import { integerParameter } from './list-options.ts';
import { booleanParameter } from './request-info.ts';
import type { ConnectHandler } from './resource-routes.ts';

/** GET …/pods/<name>/log */
export function podLog(registry: Registry, kubelets: KubeletProxy): ConnectHandler {
  return async (exchange, name) => {
    const query = logQuery(exchange.info.query);
    const context = contextOf(exchange);
    const stored = await registry.resource('', 'v1', 'pods')?.get(context, name, {});
    if (!stored) throw notFound(kinds.pods, name.name);
    const pod: Pod = stored.object;
    const container = chooseContainer(pod, exchange.info.query.get('container') ?? '');
    const nodeName = pod.spec?.nodeName;
    // Nobody has seen this one yet: it has said nothing.
    if (!nodeName) {
      exchange.response.writeHead(204).end();
      return;
    }
    const node = await registry.resource('', 'v1', 'nodes')?.get(context, { name: nodeName }, { resourceVersion: '0' });
    if (!node) throw notFound(kinds.nodes, nodeName);
    const nodeObject: Node = node.object;
    const path = ['containerLogs', name.namespace ?? '', name.name, container].map(encodeURIComponent).join('/');
    kubelets.forward(exchange, nodeObject, `/${path}`, query);
  };
}

/** The container that is meant, by Kubernetes' rules and in its words. */
export function chooseContainer(pod: Pod, asked: string): string {
  const podName = pod.metadata?.name ?? '';
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  if (asked !== '') {
    if (!all.some(({ name }) => name === asked)) throw badRequest(`container ${asked} is not valid for pod ${podName}`);
    return asked;
  }
  if (all.length === 1 && containers[0]) return containers[0].name;
  const names = (list: readonly { name: string }[]): string => `[${list.map(({ name }) => name).join(' ')}]`;
  let message = `a container name must be specified for pod ${podName}, choose one of: ${names(containers)}`;
  if (initContainers.length > 0) message += ` or one of the init containers: ${names(initContainers)}`;
  if (ephemeralContainers.length > 0) message += ` or one of the ephemeral containers: ${names(ephemeralContainers)}`;
  throw badRequest(message);
}

/** The options for the kubelet, checked. */
export function logQuery(given: URLSearchParams): URLSearchParams {
  const query = new URLSearchParams();
  const causes: Cause[] = [];
  for (const name of ['follow', 'previous', 'timestamps']) if (booleanParameter(given, name)) query.set(name, 'true');
  for (const [name, least] of [
    ['tailLines', 0],
    ['limitBytes', 1],
    ['sinceSeconds', 1],
  ] as const) {
    const value = integerParameter(given, name);
    if (value === undefined) continue;
    if (value < least) {
      const message = `Invalid value: ${value}: must be greater than ${least === 0 ? 'or equal to ' : ''}0`;
      causes.push({ reason: 'FieldValueInvalid', field: name, message });
    }
    query.set(name, String(value));
  }
  const since = given.get('sinceTime');
  if (since) {
    if (query.has('sinceSeconds')) {
      const message = 'Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified';
      causes.push({ reason: 'FieldValueForbidden', field: 'sinceSeconds', message });
    } else if (Number.isNaN(Date.parse(since))) {
      throw badRequest(`parsing time ${JSON.stringify(since)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
    }
    query.set('sinceTime', since);
  }
  if (causes.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, '', causes);
  return query;
}
