/** What a pod's volumes need beside the node's disk: the objects, tokens and claims that they show. Held from its first use to `release`. */
import { messageOf } from '../../../master/api/errors.ts';
import type { Pod } from '../../../master/api/types.ts';
import type { Runtime, RuntimePod } from '../../runtime/runtime.ts';
import type { Claims } from '../volumes/claims.ts';
import { payloadOf } from '../volumes/payloads.ts';
import type { PodTokens } from '../volumes/pod-tokens.ts';
import { MountError, type Volumes } from '../volumes/volumes.ts';
import type { ContainerStarter, NodeFacts } from './container-starter.ts';
import type { ObjectCache } from './object-cache.ts';
import type { PodTell } from './pod-syncer.ts';

export interface PodMountsOptions {
  readonly runtime: Runtime;
  readonly volumes: Volumes;
  readonly objects: ObjectCache;
  readonly tokens: PodTokens;
  readonly claims: Claims;
  readonly facts: NodeFacts;
  readonly tell: PodTell;
}

export class PodMounts {
  readonly #options: PodMountsOptions;
  readonly #starter: ContainerStarter;

  constructor(options: PodMountsOptions, starter: ContainerStarter) {
    this.#options = options;
    this.#starter = starter;
  }

  /** Directories of the volumes; undefined when one cannot be made yet. */
  async mount(pod: Pod, state: RuntimePod): Promise<ReadonlyMap<string, string> | undefined> {
    const { runtime, volumes, tokens, claims, facts, tell } = this.#options;
    const context = this.#starter.context(pod, state.sandboxes.find(({ ready }) => ready)?.ip ?? '');
    try {
      if (runtime.real) {
        await tokens.use(pod);
        const resolved = await claims.resolve(pod, facts.node());
        return await volumes.setUp(resolved, { ...context, token: (projection) => tokens.token(pod, projection) });
      }
      for (const volume of pod.spec?.volumes ?? []) payloadOf(pod, volume, { ...context, token: () => '' });
      return new Map();
    } catch (error) {
      const volume = error instanceof MountError ? error.volume : (pod.spec?.volumes?.[0]?.name ?? '');
      const why = `MountVolume.SetUp failed for volume "${volume}" : ${messageOf(error)}`;
      tell(pod, undefined, 'Warning', 'FailedMount', why);
      return undefined;
    }
  }

  /** Nothing is held for the pod any more; its directories stay. */
  release(uid: string): void {
    const { objects, tokens, claims } = this.#options;
    objects.release(uid);
    tokens.release(uid);
    claims.release(uid);
  }
}
