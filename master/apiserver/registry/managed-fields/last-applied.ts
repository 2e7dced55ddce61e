/** The annotation in which kubectl's own apply keeps what it applied, while the server's apply takes its place. */
import { lastApplied, withSortedFields } from '../../../api/meta.ts';
import type { KubeObject } from '../../../api/types.ts';

/** All that annotations may hold together. */
const maxBytes = 256 * 1024;

/**
 * The object with what is applied now in its annotation, if it has one and kubectl applies, so that its own apply can go on from there
 * (Kubernetes' "Server-Side Apply" page, "Upgrading from client-side apply"). Other managers leave the annotation alone.
 */
export function withLastApplied(object: KubeObject, config: KubeObject, manager: string): KubeObject {
  const { [lastApplied]: kept, ...annotations } = object.metadata?.annotations ?? {};
  if (manager !== 'kubectl' || !kept) return object;
  const text = `${JSON.stringify(withSortedFields(withoutAnnotation(config)))}\n`;
  const now = Buffer.byteLength(text) > maxBytes ? annotations : { ...annotations, [lastApplied]: text };
  return { ...object, metadata: { ...object.metadata, annotations: now } };
}

function withoutAnnotation(config: KubeObject): KubeObject {
  const { annotations } = config.metadata ?? {};
  if (annotations?.[lastApplied] === undefined) return config;
  const { [lastApplied]: _, ...others } = annotations;
  return { ...config, metadata: { ...config.metadata, annotations: others } };
}
