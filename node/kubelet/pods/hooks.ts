/** Lifecycle hooks: what runs right after a container's start and right before its end ("Container Lifecycle Hooks"). */
import { sleep } from '../../../master/api/clock.ts';
import type { Container } from '../../../master/api/types.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { httpGet } from '../probes/http-get.ts';

export type Hook = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;

export interface HookTarget {
  readonly runtime: Runtime;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Rejects with an Error when the hook fails or takes longer than `timeoutMs`. */
export async function runHook(hook: Hook, target: HookTarget, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const { runtime } = target;
  if (hook.exec) {
    const command = hook.exec.command ?? [];
    const { exitCode, output } = await runtime.exec(target.containerId, command, timeoutMs);
    if (exitCode !== 0) throw new Error(`command '${command.join(' ')}' exited with ${exitCode}: ${output}`);
  } else if (hook.httpGet) {
    if (runtime.real) await httpGet(hook.httpGet, timeoutMs, target);
  } else if (hook.sleep) {
    await sleep(Math.min(hook.sleep.seconds * 1000, timeoutMs), signal);
  }
}
