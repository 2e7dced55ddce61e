/**
 * Writes pods' statuses to the API: the latest one only, one write a pod at a time, until the server has it.
 * While the API is unreachable the latest status of each pod waits.
 */
import type { Client } from '../../../master/api/client.ts';
import type { Clock } from '../../../master/api/clock.ts';
import { runWorkers } from '../../../master/api/controller.ts';
import { isConflict, isInvalid, isNotFound } from '../../../master/api/errors.ts';
import type { Logger } from '../../../master/api/logging.ts';
import { deepEqual } from '../../../master/api/meta.ts';
import type { Pod, PodStatus } from '../../../master/api/types.ts';
import { WorkQueue } from '../../../master/api/workqueue.ts';
import { nameOf, namespaceOf, uidOf } from './pod.ts';

export interface StatusWriterOptions {
  readonly client: Client;
  readonly logger: Logger;
  readonly clock: Clock;
}

interface Entry {
  /** The newest version of the pod that is known, by resourceVersion: from the watch or from our own write's answer. */
  pod: Pod;
  /** What is still to be written. */
  wanted?: PodStatus;
  /** A write is under way: the API may be about to have an older status. */
  writing?: boolean;
  /** Told when nothing is to be written any more. */
  readonly waiting: (() => void)[];
}

const writers = 4;
/** Parts of the status that go away again: a merge must be told so. */
const passing = ['reason', 'message', 'podIP', 'podIPs', 'initContainerStatuses'] as const;

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #queue: WorkQueue;
  readonly #entries = new Map<string, Entry>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({ name: 'pod-status', baseDelayMs: 100, maxDelayMs: 5_000, clock: options.clock });
  }

  async run(signal: AbortSignal): Promise<void> {
    await runWorkers({
      queue: this.#queue,
      concurrency: writers,
      reconcile: (uid) => this.#write(uid),
      logger: this.#options.logger,
      signal,
    });
  }

  /** The pod with the status that the API has or is about to get; foreign conditions as the API last had them. */
  view(pod: Pod): Pod {
    const entry = this.#entry(pod);
    if (!entry.wanted) return entry.pod;
    const own = new Set(entry.wanted.conditions?.map(({ type }) => type));
    const foreign = (entry.pod.status?.conditions ?? []).filter(({ type }) => !own.has(type));
    const conditions = [...foreign, ...(entry.wanted.conditions ?? [])];
    return { ...entry.pod, status: { ...entry.wanted, conditions } };
  }

  /** The pod's status is this from now on. */
  set(pod: Pod, status: PodStatus): void {
    const uid = uidOf(pod);
    const entry = this.#entry(pod);
    if (!entry.writing && includes(entry.pod.status, status)) {
      this.#settle(entry);
      return;
    }
    entry.wanted = status;
    this.#queue.add(uid);
  }

  /** Resolves when the API has the pod's latest status, or has the pod no more. */
  async flushed(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (!entry?.wanted) return;
    await new Promise<void>((resolve) => entry.waiting.push(resolve));
  }

  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry) this.#settle(entry);
    this.#entries.delete(uid);
  }

  async #write(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    const wanted = entry?.wanted;
    if (!entry || !wanted) return;
    const { pod } = entry;
    const gone = Object.fromEntries(
      passing
        .filter((field) => wanted[field] === undefined && pod.status?.[field] !== undefined)
        .map((field) => [field, null]),
    );
    const patch = { metadata: { uid }, status: { ...wanted, ...gone } };
    entry.writing = true;
    try {
      const written = await this.#options.client.patch(
        'pods',
        { namespace: namespaceOf(pod), name: nameOf(pod) },
        patch,
        { type: 'merge', subresource: 'status' },
      );
      entry.pod = newer(entry.pod, written);
    } catch (error) {
      // Another pod of that name, or none: there is nobody to tell.
      if (!isNotFound(error) && !isInvalid(error) && !(isConflict(error) && (await this.#isReplaced(pod)))) throw error;
      this.#options.logger.debug({ uid, err: error }, 'a pod that is not there any more keeps its old status');
    } finally {
      entry.writing = false;
    }
    if (entry.wanted === wanted) this.#settle(entry);
    else this.#queue.add(uid);
  }

  /** Whether the API has another pod of that name by now, or none. */
  async #isReplaced(pod: Pod): Promise<boolean> {
    const name = { namespace: namespaceOf(pod), name: nameOf(pod) };
    const now = await this.#options.client.get('pods', name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    return now?.metadata?.uid !== uidOf(pod);
  }

  #settle(entry: Entry): void {
    delete entry.wanted;
    for (const resolve of entry.waiting.splice(0)) resolve();
  }

  #entry(pod: Pod): Entry {
    const uid = uidOf(pod);
    const entry = this.#entries.get(uid) ?? { pod, waiting: [] };
    entry.pod = newer(entry.pod, pod);
    this.#entries.set(uid, entry);
    return entry;
  }
}

/**
 * Versions of one object can be compared: they are revisions of the same store. Of two with one version the first stays: the
 * other may be our own view of it, with a status that the API does not have yet.
 */
function newer(a: Pod, b: Pod): Pod {
  const version = (pod: Pod): bigint => {
    const text = pod.metadata?.resourceVersion ?? '';
    return /^\d+$/.test(text) ? BigInt(text) : 0n;
  };
  return version(b) > version(a) ? b : a;
}

/** Whether the API's status says all that ours says, and nothing that ours has dropped. */
function includes(theirs: PodStatus | undefined, ours: PodStatus): boolean {
  if (!theirs) return false;
  if (passing.some((field) => ours[field] === undefined && theirs[field] !== undefined)) return false;
  const { conditions: ourConditions = [], ...rest } = ours;
  const { conditions: theirConditions = [], ...theirRest } = theirs;
  const same = Object.entries(rest).every(([field, value]) => deepEqual(value, Reflect.get(theirRest, field)));
  return same && ourConditions.every((ours) => theirConditions.some((theirs) => deepEqual(ours, theirs)));
}
