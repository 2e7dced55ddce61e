/**
 * pods/proxy, services/proxy and nodes/proxy: requests of any kind to what runs behind an object. A name may say which way:
 * `<name>`, `<name>:<port>` or `<scheme>:<name>:<port>`, where a Service's port may go by its name.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { inUrl } from '../../api/addresses.ts';
import { badRequest, notFound, serviceUnavailable } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Endpoints, Node, Pod, Service } from '../../api/types.ts';
import type { ObjectName } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { Backend, BackendProxy } from './backend-proxy.ts';
import { contextOf, type Exchange } from './exchange.ts';
import type { KubeletProxy } from './kubelet-proxy.ts';
import { podAgent } from './pod-agent.ts';
import { nodeOf, readPod } from './pod-streams.ts';
import type { ConnectHandler } from './resource-routes.ts';
import { isUpgrade } from './upgrades.ts';

export interface ObjectProxyOptions {
  readonly registry: Registry;
  readonly kubelets: KubeletProxy;
  readonly backends: BackendProxy;
}

/** What a name in a path asks for. */
export interface Target {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** '' where none is said. */
  readonly port: string;
}

/** The handlers by `<resource>/<subresource>`. */
export function objectProxies(options: ObjectProxyOptions): [string, ConnectHandler][] {
  const { registry, kubelets, backends } = options;
  const direct = { http: new HttpAgent(), https: new HttpsAgent({ rejectUnauthorized: false }) };
  const pass =
    (resource: 'pods' | 'services' | 'nodes', find: Find): ConnectHandler =>
    async (exchange, name) => {
      const { root, rest } = splitPath(exchange.info.path);
      if (rest === undefined && !isUpgrade(exchange.request)) return redirect(exchange);
      const target = parseTarget(name.name);
      // Only a Service's port has a name.
      if (!target || (resource !== 'services' && !/^\d*$/.test(target.port))) {
        throw badRequest(`invalid ${resource.slice(0, -1)} request ${JSON.stringify(name.name)}`);
      }
      const backend = await find(exchange, { ...name, name: target.name }, target);
      const { search } = new URL(exchange.request.url ?? '/', 'https://localhost');
      backends.forward(exchange, { ...backend, url: `${backend.url}/${rest ?? ''}${search}`, prefix: root });
    };

  /** To a port of a pod, by way of its node. */
  async function toPod(exchange: Exchange, pod: Pod, { scheme, port }: Target): Promise<Backend> {
    const { namespace = '', name = '' } = pod.metadata ?? {};
    const ip = pod.status?.podIP;
    if (!ip) throw badRequest('address not allowed');
    const number = port || String(scheme === 'https' ? 443 : 80);
    const node = await nodeOf(registry, exchange, pod);
    const path = ['', 'connect', namespace, name, number].map(encodeURIComponent).join('/');
    const agent = podAgent(kubelets.backend(node, path), scheme === 'https');
    return { url: `${scheme}://${inUrl(ip)}:${number}`, agent, verify: false };
  }

  return [
    [
      'pods/proxy',
      pass('pods', async (exchange, name, target) => {
        const pod = await readPod(registry, exchange, name);
        const first = pod.spec?.containers?.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
        return toPod(exchange, pod, { ...target, port: target.port || String(first ?? '') });
      }),
    ],
    [
      'services/proxy',
      pass('services', async (exchange, name, target) => {
        const context = contextOf(exchange);
        const service: Service | undefined = (await registry.resource('', 'v1', 'services')?.get(context, name, {}))
          ?.object;
        if (!service) throw notFound(kinds.services, name.name);
        const endpoints: Endpoints | undefined = (
          await registry
            .resource('', 'v1', 'endpoints')
            ?.get(context, name, {})
            .catch(() => undefined)
        )?.object;
        const { ip, port, pod } = chooseEndpoint(service, endpoints, target, Math.random());
        if (pod) return toPod(exchange, await readPod(registry, exchange, pod), { ...target, port: String(port) });
        return { url: `${target.scheme}://${inUrl(ip)}:${port}`, agent: direct[target.scheme], verify: false };
      }),
    ],
    [
      'nodes/proxy',
      pass('nodes', async (exchange, name, { scheme, port }) => {
        const stored = await registry.resource('', 'v1', 'nodes')?.get(contextOf(exchange), name, {});
        if (!stored) throw notFound(kinds.nodes, name.name);
        const node: Node = stored.object;
        const kubelet = kubelets.backend(node, '');
        const { hostname, port: own } = new URL(kubelet.url);
        if (port === '' || port === own) return kubelet;
        return { url: `${scheme}://${hostname}:${port}`, agent: direct[scheme], verify: false };
      }),
    ],
  ];
}

type Find = (exchange: Exchange, name: ObjectName, target: Target) => Promise<Backend>;

/** Reads `<name>`, `<name>:<port>` and `<scheme>:<name>:<port>`; undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  const parts = text.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (first === '' && parts.length < 3) return undefined;
  if (parts.length <= 2) return { scheme: 'http', name: first, port: second };
  if (parts.length > 3 || second === '' || !['', 'http', 'https'].includes(first)) return undefined;
  return { scheme: first === 'https' ? 'https' : 'http', name: second, port: third };
}

interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly pod: { readonly namespace: string; readonly name: string } | undefined;
}

/** One of the Service's ready endpoints, by chance (0 ≤ `chance` < 1). Throws 503 where there is none. */
export function chooseEndpoint(
  service: Service,
  endpoints: Endpoints | undefined,
  target: Target,
  chance: number,
): Endpoint {
  let wanted = target.port;
  if (/^\d+$/.test(wanted)) {
    const declared = service.spec?.ports?.find(({ port }) => port === Number(wanted));
    if (!declared) throw serviceUnavailable(`no service port ${wanted} found for service ${quoted(target.name)}`);
    wanted = declared.name ?? '';
  }
  const subsets = endpoints?.subsets ?? [];
  if (subsets.length === 0) throw serviceUnavailable(`no endpoints available for service ${quoted(target.name)}`);
  const found = subsets.flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find(({ name = '' }) => name === wanted)?.port;
    return port === undefined ? [] : addresses.map((address) => ({ address, port }));
  });
  const chosen = found[Math.floor(chance * found.length)];
  if (!chosen) {
    const what = wanted === '' ? target.name : `${target.name}:${wanted}`;
    throw serviceUnavailable(`no endpoints available for service ${quoted(what)}`);
  }
  const { ip, targetRef } = chosen.address;
  const { kind, namespace = '', name = '' } = targetRef ?? {};
  return { ip, port: chosen.port, pod: kind === 'Pod' ? { namespace, name } : undefined };
}

/** Cuts a path behind `…/proxy`; what comes after, undefined without a slash, is passed on as it was sent. */
export function splitPath(path: string): { root: string; rest: string | undefined } {
  const [, root = path, rest] =
    /^(\/api\/v1\/(?:namespaces\/[^/]+\/(?:pods|services)|nodes)\/[^/]+\/proxy)(?:\/(.*))?$/.exec(path) ?? [];
  return { root, rest };
}

/** Relative links of a page need its address to end on a slash. */
function redirect({ request, response }: Exchange): void {
  const { pathname, search } = new URL(request.url ?? '/', 'https://localhost');
  response.writeHead(301, { Location: `${pathname}/${search}`, 'Content-Length': 0 }).end();
}

const quoted = (text: string): string => JSON.stringify(text);
