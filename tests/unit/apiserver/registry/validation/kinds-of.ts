/** Objects of any kind as requests bring them, and what is said of them. */
import { parse } from 'yaml';
import type { KubeObject } from '../../../../../master/api/types.ts';
import { parseAddressRange, parsePortRange } from '../../../../../master/apiserver/registry/allocation/ranges.ts';
import { decode } from '../../../../../master/apiserver/registry/schema/decode.ts';
import { shapeOf } from '../../../../../master/apiserver/registry/schema/shape.ts';
import { createStrategies } from '../../../../../master/apiserver/registry/strategies/index.ts';
import { FieldErrors } from '../../../../../master/apiserver/registry/validation/field-errors.ts';

const strategies = createStrategies({
  addresses: () => [parseAddressRange('10.96.0.0/16')],
  nodePorts: parsePortRange('30000-32767'),
  resources: ({ resource }) => {
    throw new Error(`nobody asks for ${resource} here`);
  },
});

/** `body` is YAML, without apiVersion, kind and metadata. */
export function errorsOf(kind: string, body: string, old?: string): string[] {
  const strategy = strategies.find((one) => one.kind.kind === kind);
  if (!strategy) throw new Error(`no strategy for ${kind}`);
  const read = (text: string): KubeObject => {
    const object: KubeObject = { metadata: { name: 'a', namespace: 'default', uid: 'u' }, ...parse(text) };
    const { wrong, unknown } = decode(shapeOf(strategy.kind), object);
    if (wrong !== undefined || unknown.length > 0) throw new Error(wrong ?? unknown.join());
    strategy.setDefaults?.(object);
    if (kind === 'Job') strategy.prepareForCreate?.(object, context, '2026-01-01T00:00:00Z');
    return object;
  };
  const errors = new FieldErrors();
  const [object, before] = [read(body), old === undefined ? undefined : read(old)];
  strategy.validate?.(object, errors, before);
  if (before) strategy.validateUpdate?.(object, before, errors);
  return errors.causes.map(({ field, message }) => `${field}: ${message}`);
}

export const context = {
  ...{ user: { name: 'me', groups: [] }, dryRun: false, fieldValidation: 'Ignore' as const, warnings: [] },
  signal: new AbortController().signal,
};

/** A body and what is wrong with it; nothing where it is right. */
export type Row = readonly [body: string, ...errors: string[]];
