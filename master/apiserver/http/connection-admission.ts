/** Admission of connections (exec, attach, port-forward, proxies): webhooks and policies may refuse them, by what they ask for. */
import type { Kind } from '../../api/kinds.ts';
import type { KubeObject } from '../../api/types.ts';
import type { Admission } from '../admission/types.ts';
import type { ObjectName } from '../registry/context.ts';
import { contextOf, type Exchange } from './exchange.ts';

/** What a connection speaks: `PodExecOptions`. The subresources that only read have no such kind. */
export const isConnection = ({ kind = '' }: Kind['subresources'][number]): boolean => kind.endsWith('Options');

/** Throws a StatusError to refuse the connection. */
export async function admitConnection(
  admission: Admission,
  exchange: Exchange,
  kind: Kind,
  row: Kind['subresources'][number],
  name: ObjectName,
): Promise<void> {
  const object = optionsOf(row.kind ?? '', exchange.info.query);
  const ctx = contextOf(exchange);
  const request = { ctx, operation: 'CONNECT' as const, kind, subresource: row.name, ...name, object };
  await admission.admit(request);
  await admission.validate(request);
}

const flags = new Set(['stdin', 'stdout', 'stderr', 'tty']);

/** The query as the object that Kubernetes makes of it. */
function optionsOf(kind: string, query: URLSearchParams): KubeObject {
  const options: Record<string, unknown> = {};
  for (const key of new Set(query.keys())) {
    const value = query.get(key) ?? '';
    if (key === 'command') options.command = query.getAll(key);
    else if (key === 'ports') options.ports = query.getAll(key).flatMap((text) => text.split(',').map(Number));
    else options[key] = flags.has(key) ? value === 'true' || value === '1' : value;
  }
  return { apiVersion: 'v1', kind, ...options };
}
