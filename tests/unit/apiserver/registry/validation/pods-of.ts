/** Pods as requests bring them, and what is said of them. */
import type { KubeObject, Pod } from '../../../../../master/api/types.ts';
import { decode } from '../../../../../master/apiserver/registry/schema/decode.ts';
import { shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';
import { podStrategy } from '../../../../../master/apiserver/registry/strategies/pods.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';

export type Changes = Readonly<Record<string, unknown>>;

/** A pod as a request brings it: its first container and its spec with these changes. */
export function podOf(container: Changes, spec: Changes = {}, metadata: Changes = {}): Pod {
  const object: KubeObject = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'default', ...metadata } },
    ...{ spec: { serviceAccountName: 'default', containers: [{ name: 'c', image: 'x:1', ...container }], ...spec } },
  };
  return read(object);
}

export function read(object: KubeObject): Pod {
  const pod: Pod = structuredClone(object);
  const { wrong, unknown } = decode(shapeOf(podStrategy.kind), pod);
  if (wrong !== undefined || unknown.length > 0) throw new Error(wrong ?? unknown.join());
  podStrategy.setDefaults?.(pod);
  return pod;
}

export const lines = ({ causes }: FieldErrors): string[] => causes.map(({ field, message }) => `${field}: ${message}`);

export function errorsOf(pod: Pod, old?: Pod): string[] {
  const errors = new FieldErrors();
  podStrategy.validate?.(pod, errors, old);
  if (old) podStrategy.validateUpdate?.(pod, old, errors);
  return lines(errors);
}

export type Row = readonly [changes: Changes, ...errors: string[]];
