/** The files of ConfigMap, Secret, downwardAPI and projected volumes. Pure: objects come through lookups. */
import type { ConfigMap, Pod, Secret, Volume } from '../../../master/api/types.ts';
import { type FieldContext, fieldValue, resourceValue } from '../pods/field-values.ts';
import { namespaceOf } from '../pods/pod.ts';
import type { Payload, PayloadFile } from './atomic-writer.ts';
import type { TokenProjection } from './pod-tokens.ts';

export interface PayloadContext extends FieldContext {
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
  /** The pod's token; undefined while there is none. */
  readonly token?: (projection: TokenProjection) => string | undefined;
}

const defaultFileMode = 0o644;

/** Undefined for a volume that is not made of files from the API. Throws an Error in Kubernetes' words for what is not there. */
export function payloadOf(pod: Pod, volume: Volume, context: PayloadContext): Payload | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return configMapFiles(pod, configMap, configMap.defaultMode ?? defaultFileMode, context);
  if (secret)
    return secretFiles(pod, { ...secret, name: secret.secretName }, secret.defaultMode ?? defaultFileMode, context);
  if (downwardAPI)
    return downwardFiles(pod, downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultFileMode, context);
  if (!projected) return undefined;
  const mode = projected.defaultMode ?? defaultFileMode;
  const files = new Map<string, PayloadFile>();
  for (const source of projected.sources ?? []) {
    const part = source.configMap
      ? configMapFiles(pod, source.configMap, mode, context)
      : source.secret
        ? secretFiles(pod, source.secret, mode, context)
        : source.downwardAPI
          ? downwardFiles(pod, source.downwardAPI.items ?? [], mode, context)
          : source.serviceAccountToken
            ? tokenFile(source.serviceAccountToken, mode, context)
            : new Map<string, PayloadFile>();
    for (const [path, file] of part) files.set(path, file);
  }
  return files;
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
  readonly items?: readonly { key: string; path: string; mode?: number }[];
}

function configMapFiles(pod: Pod, reference: Reference, mode: number, context: PayloadContext): Payload {
  const object = context.configMap(reference.name ?? '');
  if (!object && !reference.optional) throw new Error(`configmap "${reference.name}" not found`);
  const data = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(object?.binaryData ?? {})) data.set(key, Buffer.from(text, 'base64'));
  return pick(data, reference, mode, `configmap references non-existent config key`, pod);
}

function secretFiles(pod: Pod, reference: Reference, mode: number, context: PayloadContext): Payload {
  const object = context.secret(reference.name ?? '');
  if (!object && !reference.optional) throw new Error(`secret "${reference.name}" not found`);
  const entries = Object.entries(object?.data ?? {});
  const data = new Map(entries.map(([key, text]) => [key, Buffer.from(text, 'base64')]));
  return pick(data, reference, mode, 'references non-existent secret key', pod);
}

function pick(
  data: ReadonlyMap<string, Buffer>,
  { items, optional }: Reference,
  mode: number,
  complaint: string,
  pod: Pod,
): Payload {
  if (!items?.length) return new Map([...data].map(([key, content]) => [key, { content, mode }]));
  const files = new Map<string, PayloadFile>();
  for (const item of items) {
    const content = data.get(item.key);
    if (content) files.set(item.path, { content, mode: item.mode ?? mode });
    else if (!optional) throw new Error(`${complaint}: ${item.key} (namespace ${namespaceOf(pod)})`);
  }
  return files;
}

function tokenFile(projection: TokenProjection, mode: number, { token }: PayloadContext): Payload {
  const text = token?.(projection);
  if (text === undefined) throw new Error('failed to fetch token');
  return new Map([[projection.path, { content: Buffer.from(text), mode }]]);
}

type DownwardItems = NonNullable<NonNullable<Volume['downwardAPI']>['items']>;

function downwardFiles(pod: Pod, items: DownwardItems, mode: number, context: PayloadContext): Payload {
  const files = new Map<string, PayloadFile>();
  for (const { path, fieldRef, resourceFieldRef, mode: own } of items) {
    const text = fieldRef
      ? fieldValue(pod, fieldRef.fieldPath, context)
      : resourceFieldRef
        ? resourceValue(pod, undefined, resourceFieldRef, context)
        : '';
    files.set(path, { content: Buffer.from(text), mode: own ?? mode });
  }
  return files;
}
