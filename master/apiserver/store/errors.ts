/**
 * What a write can be refused for. The registry turns these into Kubernetes' Status errors, because only it knows the kind
 * and the name to say. An unknown outcome (Timeout) and an unreachable etcd (ServiceUnavailable) are StatusErrors already.
 */
import { type Fence, formatFence } from '../../api/fence.ts';
import type { Stored } from './types.ts';

/** A create met an object under its key. */
export class KeyExists extends Error {
  override readonly name = 'KeyExists';
  readonly key: string;

  constructor(key: string) {
    super(`key ${key} exists`);
    this.key = key;
  }
}

/** An update or delete expected another revision. `current` is what is there instead, absent when nothing is. */
export class RevisionMismatch extends Error {
  override readonly name = 'RevisionMismatch';
  readonly key: string;
  readonly current: Stored | undefined;

  constructor(key: string, expectedRevision: number, current: Stored | undefined) {
    super(`key ${key} is at revision ${current?.revision ?? 'none'}, not ${expectedRevision}`);
    this.key = key;
    this.current = current;
  }
}

/** The writer no longer holds the lease under whose generation it wrote. */
export class FenceLost extends Error {
  override readonly name = 'FenceLost';
  readonly fence: Fence;

  constructor(fence: Fence) {
    super(`fence ${formatFence(fence)} is no longer held`);
    this.fence = fence;
  }
}

/** A key that was to be written together with the object is not as expected. */
export class ExtraConflict extends Error {
  override readonly name = 'ExtraConflict';
  readonly key: string;

  constructor(key: string) {
    super(`key ${key} is not as expected`);
    this.key = key;
  }
}
