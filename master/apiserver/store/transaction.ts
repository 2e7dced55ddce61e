/** One write as an etcd transaction: what it compares, what it writes, and what its failure means. */
import { type Fence, fenceKey } from '../../api/fence.ts';
import { ExtraConflict, FenceLost, KeyExists, RevisionMismatch } from './errors.ts';
import type { ExtraPut, WriteOptions } from './types.ts';
import { storedFromValue } from './value.ts';
import type { Compare, KeyValue, Operation, TxnRequest } from './wire.ts';

export interface WriteRequest {
  readonly key: string;
  /** 0: the key must not exist. */
  readonly expectedRevision: number;
  /** The text to put; absent for a delete. */
  readonly text?: string | Buffer | undefined;
  readonly options: WriteOptions;
}

/** What a process's creates compare besides (see writer.ts). `value` undefined: the key must not exist. */
export interface Epoch {
  readonly key: string;
  readonly value: string | undefined;
}

export function toTxn(request: WriteRequest, epoch: Epoch | undefined): TxnRequest {
  const { key, expectedRevision, text, options } = request;
  const compare: Compare[] = [{ key, modRevision: expectedRevision }];
  const success: Operation[] = [text === undefined ? { type: 'delete', key } : { type: 'put', key, value: text }];
  const failure: Operation[] = [{ type: 'range', key }];
  if (options.fence) {
    const fence = fenceKey(options.fence);
    compare.push({ key: fence, value: String(options.fence.generation) });
    failure.push({ type: 'range', key: fence });
  }
  for (const extra of options.also ?? []) {
    success.push(
      'delete' in extra ? { type: 'delete', key: extra.key } : { type: 'put', key: extra.key, value: extra.value },
    );
    if (extra.expectedRevision === undefined) continue;
    compare.push({ key: extra.key, modRevision: extra.expectedRevision });
    failure.push({ type: 'range', key: extra.key, keysOnly: true });
  }
  if (epoch) {
    const { key: epochKey, value } = epoch;
    compare.push(value === undefined ? { key: epochKey, modRevision: 0 } : { key: epochKey, value });
    failure.push({ type: 'range', key: epochKey });
  }
  return { compare, success, failure };
}

/** Why a transaction was refused, from what its failure branch found; undefined when it is only the epoch. */
export function refusalOf(request: WriteRequest, found: readonly (KeyValue | undefined)[]): Error | undefined {
  const { key, expectedRevision, options } = request;
  const [main, ...others] = found;
  if (options.fence && !holds(options.fence, others.shift())) return new FenceLost(options.fence);
  if ((main?.revision ?? 0) !== expectedRevision) {
    if (expectedRevision === 0) return new KeyExists(key);
    return new RevisionMismatch(key, expectedRevision, main && storedFromValue(key, main.value, main.revision));
  }
  for (const extra of conditional(options.also)) {
    if ((others.shift()?.revision ?? 0) !== extra.expectedRevision) return new ExtraConflict(extra.key);
  }
  return undefined;
}

function holds(fence: Fence, found: KeyValue | undefined): boolean {
  return found?.value.toString() === String(fence.generation);
}

function conditional(extras: readonly ExtraPut[] = []): ExtraPut[] {
  return extras.filter(({ expectedRevision }) => expectedRevision !== undefined);
}
