/**
 * pods/exec, pods/attach and pods/portforward: which container of which node's kubelet. The connection is then the client's
 * and the kubelet's: they agree on the protocol, and what they say is not looked at.
 */
import { badRequest, notFound } from '../../api/errors.ts';
import { kinds } from '../../api/kinds.ts';
import type { Node, Pod } from '../../api/types.ts';
import { type Authorizer, refusal } from '../auth/authorize.ts';
import type { ObjectName } from '../registry/context.ts';
import type { Registry } from '../registry/registry.ts';
import type { BackendProxy } from './backend-proxy.ts';
import { contextOf, type Exchange } from './exchange.ts';
import type { KubeletProxy } from './kubelet-proxy.ts';
import { chooseContainer } from './pod-log.ts';
import { booleanParameter } from './request-info.ts';
import type { ConnectHandler } from './resource-routes.ts';
import { isUpgrade } from './upgrades.ts';

export interface PodStreamsOptions {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly kubelets: KubeletProxy;
  readonly backends: BackendProxy;
}

/** The handlers by `<resource>/<subresource>`. */
export function podStreams(options: PodStreamsOptions): [string, ConnectHandler][] {
  return [
    ['pods/exec', stream(options, 'exec')],
    ['pods/attach', stream(options, 'attach')],
    ['pods/portforward', stream(options, 'portForward')],
  ];
}

function stream(options: PodStreamsOptions, what: 'exec' | 'attach' | 'portForward'): ConnectHandler {
  const { registry, authorizer, kubelets, backends } = options;
  return async (exchange, name) => {
    const { info, user } = exchange;
    // A WebSocket comes as a GET, and yet changes what runs: it takes the right to create as well.
    const asCreate = { ...info, verb: 'create' };
    if (!authorizer.allows(user, asCreate)) throw refusal(user, asCreate);
    const pod = await readPod(registry, exchange, name);
    const query = what === 'portForward' ? new URLSearchParams() : streamQuery(info.query, what === 'exec');
    const path = ['', what, name.namespace ?? '', name.name];
    if (what !== 'portForward') path.push(chooseContainer(pod, info.query.get('container') ?? ''));
    const node = await nodeOf(registry, exchange, pod);
    if (!isUpgrade(exchange.request)) throw badRequest('Upgrade request required');
    backends.forward(exchange, kubelets.backend(node, `${path.map(encodeURIComponent).join('/')}?${query}`));
  };
}

/** The kubelet's names for the options, checked. */
export function streamQuery(given: URLSearchParams, isExec: boolean): URLSearchParams {
  const query = new URLSearchParams();
  for (const [from, to] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const) {
    if (booleanParameter(given, from)) query.set(to, '1');
  }
  if (query.has('tty') && query.has('error')) throw badRequest('tty and stderr cannot both be true');
  if (!query.has('input') && !query.has('output') && !query.has('error')) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  if (!isExec) return query;
  const command = given.getAll('command');
  if (command.length === 0) throw badRequest('you must specify a command');
  for (const word of command) query.append('command', word);
  return query;
}

export async function readPod(registry: Registry, exchange: Exchange, name: ObjectName): Promise<Pod> {
  const stored = await registry.resource('', 'v1', 'pods')?.get(contextOf(exchange), name, {});
  if (!stored) throw notFound(kinds.pods, name.name);
  return stored.object;
}

/** The node that a pod is bound to. Throws 400 where there is none yet. */
export async function nodeOf(registry: Registry, exchange: Exchange, pod: Pod): Promise<Node> {
  const name = pod.spec?.nodeName;
  if (!name) throw badRequest(`pod ${pod.metadata?.name} does not have a host assigned`);
  const stored = await registry
    .resource('', 'v1', 'nodes')
    ?.get(contextOf(exchange), { name }, { resourceVersion: '0' });
  if (!stored) throw notFound(kinds.nodes, name);
  return stored.object;
}
