/** The annotation in which kubectl's own apply keeps what it applied, while the server's apply takes its place. */
import type { KubeObject } from '../../../api/types.ts';

export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** All that annotations may hold together. */
const maxBytes = 256 * 1024;

/**
 * The object with what is applied now in its annotation, if it has one and kubectl applies, so that its own apply can go on from there
 * (Kubernetes' "Server-Side Apply" page, "Upgrading from client-side apply"). Other managers leave the annotation alone.
 */
export function withLastApplied(object: KubeObject, config: KubeObject, manager: string): KubeObject {
  const { [lastApplied]: kept, ...annotations } = object.metadata?.annotations ?? {};
  if (manager !== 'kubectl' || !kept) return object;
  const text = `${JSON.stringify(sorted(withoutAnnotation(config)))}\n`;
  const now = Buffer.byteLength(text) > maxBytes ? annotations : { ...annotations, [lastApplied]: text };
  return { ...object, metadata: { ...object.metadata, annotations: now } };
}

function withoutAnnotation(config: KubeObject): KubeObject {
  const { annotations } = config.metadata ?? {};
  if (annotations?.[lastApplied] === undefined) return config;
  const { [lastApplied]: _, ...others } = annotations;
  return { ...config, metadata: { ...config.metadata, annotations: others } };
}

/** The same with its fields in alphabetical order, as Go writes them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, held]) => [key, sorted(held)]));
}
