/**
 * What a DaemonSet needs next: pods made and removed, node by node. Pure: one step at a time, from what is there. Rules are those of
 * Kubernetes' "Perform a Rolling Update on a DaemonSet" (maxUnavailable, maxSurge).
 */
import type { DaemonSet, Node, Pod } from '../../api/types.ts';
import { amountOf } from '../int-or-percent.ts';
import { availability, isReady, isTerminating, timeOf } from '../pod-facts.ts';
import { hashLabel, type Placement, placementOf, targetOf } from './placement.ts';

export interface NodeView {
  readonly name: string;
  readonly placement: Placement;
  readonly pods: readonly Pod[];
}

export interface View {
  readonly set: DaemonSet;
  /** Of the present template. */
  readonly hash: string;
  readonly nodes: readonly NodeView[];
  /** Meant for nodes that are not there. */
  readonly strays: readonly Pod[];
  readonly nowMs: number;
  /** How long (ms) a failed pod of a node is left before it is replaced. */
  readonly failureWaitMs: (node: string) => number;
}

export interface Plan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** Of those that are removed, which have ended, and on which node. */
  readonly ended: readonly { readonly pod: Pod; readonly node: string }[];
  /** When to look again although nothing has changed. */
  readonly againInMs?: number;
}

export function viewOf(
  set: DaemonSet,
  hash: string,
  nodes: readonly Node[],
  pods: readonly Pod[],
  nowMs: number,
  failureWaitMs: (node: string) => number,
): View {
  const byNode = Map.groupBy(pods, (pod) => targetOf(pod) ?? '');
  const placement = placementOf(set);
  const views = nodes.map((node) => {
    const name = node.metadata?.name ?? '';
    return { name, placement: placement(node), pods: (byNode.get(name) ?? []).toSorted(byAge) };
  });
  const known = new Set(views.map(({ name }) => name));
  const strays = pods.filter((pod) => !known.has(targetOf(pod) ?? '') && !pod.spec?.nodeName);
  return { set, hash, nodes: views, strays, nowMs, failureWaitMs };
}

/** Pods where they should be come first; the template is rolled out when nothing is wrong with that. */
export function plan(view: View): Plan {
  const next = place(view);
  if (next.create.length + next.remove.length > 0) return next;
  if (view.set.spec?.updateStrategy?.type === 'OnDelete') return next;
  const { create, remove } = roll(view);
  return { ...next, create, remove };
}

const isAlive = (pod: Pod): boolean => !isTerminating(pod);
const phaseOf = ({ status }: Pod): string | undefined => status?.phase;
const isUpdated = ({ hash }: View, { metadata }: Pod): boolean => metadata?.labels?.[hashLabel] === hash;

export const isAvailable = ({ set, nowMs }: Pick<View, 'set' | 'nowMs'>, pod: Pod): boolean =>
  availability(pod, set.spec?.minReadySeconds ?? 0, nowMs).available;

function place(view: View): Plan {
  const create: string[] = [];
  const remove = view.strays.filter(isAlive);
  const ended: { pod: Pod; node: string }[] = [];
  let againInMs: number | undefined;
  for (const { name, placement, pods } of view.nodes) {
    if (!placement.mayStay) {
      remove.push(...pods.filter(isAlive));
      continue;
    }
    if (pods.length === 0) {
      if (placement.wanted) create.push(name);
      continue;
    }
    const running: Pod[] = [];
    for (const pod of pods.filter(isAlive)) {
      const wait = phaseOf(pod) === 'Failed' ? view.failureWaitMs(name) : 0;
      if (wait > 0) againInMs = Math.min(wait, againInMs ?? wait);
      else if (phaseOf(pod) === 'Failed' || phaseOf(pod) === 'Succeeded') ended.push({ pod, node: name });
      else running.push(pod);
    }
    remove.push(...excess(view, running));
  }
  remove.push(...ended.map(({ pod }) => pod));
  return { create, remove, ended, ...(againInMs !== undefined && { againInMs }) };
}

/** Of several pods on one node: all but the oldest, and while a surge is on all but the oldest of either state. */
function excess(view: View, running: readonly Pod[]): Pod[] {
  if (running.length < 2) return [];
  if (limitsOf(view).maxSurge === 0) return running.slice(1);
  const [fresh, ...laterFresh] = running.filter((pod) => isUpdated(view, pod));
  const [old, ...laterOld] = running.filter((pod) => !isUpdated(view, pod));
  const isReplaced = fresh && old && (!isReady(old) || isAvailable(view, fresh));
  return [...laterFresh, ...laterOld, ...(isReplaced ? [old] : [])];
}

/** How many nodes may be without a pod that is available, and how many may have two; both 0 would stand still. */
export function limitsOf({ set, nodes }: Pick<View, 'set' | 'nodes'>): { maxUnavailable: number; maxSurge: number } {
  const { type, rollingUpdate } = set.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return { maxUnavailable: 0, maxSurge: 0 };
  const wanted = nodes.filter(({ placement }) => placement.wanted).length;
  const maxSurge = Math.ceil(amountOf(rollingUpdate?.maxSurge ?? 0, wanted));
  const maxUnavailable = Math.ceil(amountOf(rollingUpdate?.maxUnavailable ?? 1, wanted));
  return { maxSurge, maxUnavailable: maxSurge + maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** A node's pod of the present template and its older one; neither where there are two alike, which is put right first. */
function pairOf(view: View, { pods }: NodeView): { fresh?: Pod | undefined; old?: Pod | undefined } {
  const alive = pods.filter(isAlive);
  const [fresh, secondFresh] = alive.filter((pod) => isUpdated(view, pod));
  const [old, secondOld] = alive.filter((pod) => !isUpdated(view, pod));
  return secondFresh || secondOld ? {} : { fresh, old };
}

function roll(view: View): { create: string[]; remove: Pod[] } {
  const nodes = view.nodes.filter(({ placement, pods }) => placement.wanted || pods.some(isAlive));
  const { maxSurge, maxUnavailable } = limitsOf(view);
  return maxSurge > 0 ? surge(view, nodes, maxSurge) : replace(view, nodes, maxUnavailable);
}

/** Old pods that are not available cost nothing; of the others as many go as may be missed. */
function replace(view: View, nodes: readonly NodeView[], maxUnavailable: number): { create: string[]; remove: Pod[] } {
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const node of nodes) {
    const { fresh, old } = pairOf(view, node);
    if (old && !fresh && isAvailable(view, old)) candidates.push(old);
    else {
      if (old && !fresh) broken.push(old);
      if (!fresh || old || !isAvailable(view, fresh)) unavailable += 1;
    }
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

/** A node's new pod comes before its old one goes, on so many nodes at a time. */
function surge(view: View, nodes: readonly NodeView[], maxSurge: number): { create: string[]; remove: Pod[] } {
  const broken: string[] = [];
  const candidates: string[] = [];
  const remove: Pod[] = [];
  let surging = 0;
  for (const node of nodes) {
    const { fresh, old } = pairOf(view, node);
    if (!fresh && !old) surging += 1;
    if (!old) continue;
    if (fresh) {
      const isReplaced = !isAvailable(view, old) || isAvailable(view, fresh);
      if (isReplaced) remove.push(old);
      else surging += 1;
    } else if (node.placement.wanted) (isAvailable(view, old) ? candidates : broken).push(node.name);
  }
  return { create: [...broken, ...candidates.slice(0, Math.max(0, maxSurge - surging))], remove };
}

/** Those that the scheduler has placed first, then the oldest. */
function byAge(a: Pod, b: Pod): number {
  const created = ({ metadata }: Pod): number => timeOf(metadata?.creationTimestamp) ?? 0;
  return Number(!a.spec?.nodeName) - Number(!b.spec?.nodeName) || created(a) - created(b);
}
