/** Pods and runtime states for the tests of the kubelet's pure parts. */
import type { Container, Pod, PodSpec } from '../../../../master/api/types.ts';
import { hashOf } from '../../../../node/kubelet/pods/container-config.ts';
import type { ContainerState, RuntimePod, SandboxState } from '../../../../node/runtime/runtime.ts';

export const container = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: `${name}:1`,
  ...more,
});

export function podWith(spec: Partial<PodSpec> = {}, more: Partial<Pod> = {}): Pod {
  return {
    metadata: { name: 'pod', namespace: 'default', uid: 'u1', labels: { app: 'a' }, ...more.metadata },
    spec: { containers: [container('main')], restartPolicy: 'Always', ...spec },
    ...(more.status ? { status: more.status } : {}),
  };
}

export const sandbox = (more: Partial<SandboxState> = {}): SandboxState => ({
  id: 's0',
  attempt: 0,
  ready: true,
  createdAt: 0,
  hostNetwork: false,
  ip: '10.244.1.2',
  ...more,
});

type Ended = { exit: number; at?: number; oom?: boolean; error?: string };
type What = 'created' | 'running' | Ended;

/** One container as the runtime has it; the hash is that of the definition with this name. */
export function has(
  name: string,
  what: What,
  more: { attempt?: number; sandboxId?: string; hash?: string } = {},
): ContainerState {
  const attempt = more.attempt ?? 0;
  const base = {
    id: `${name}-${attempt}`,
    sandboxId: more.sandboxId ?? 's0',
    name,
    attempt,
    hash: more.hash ?? hashOf(container(name)),
    image: `${name}:1`,
    imageId: 'sha256:1',
    createdAt: attempt,
    gracePeriodSeconds: 30,
  };
  if (what === 'created') return { ...base, state: 'created' };
  if (what === 'running') return { ...base, state: 'running', startedAt: 1_000 };
  const { exit, at = 5_000, oom = false, error } = what;
  return {
    ...base,
    state: 'exited',
    startedAt: 1_000,
    finishedAt: at,
    exitCode: exit,
    oomKilled: oom,
    ...(error ? { error } : {}),
  };
}

/** Containers are given newest first, as runtimes give them. */
export const state = (containers: ContainerState[], sandboxes: SandboxState[] = [sandbox()]): RuntimePod => ({
  pod: { uid: 'u1', name: 'pod', namespace: 'default' },
  sandboxes,
  containers,
});
