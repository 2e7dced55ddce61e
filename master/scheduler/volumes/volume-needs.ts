/**
 * What a pod's claims ask of its node (Kubernetes, "Storage Classes", volume binding mode). Volumes that are bound already must reach the
 * node. For a claim that waits for its first consumer there is a free volume that reaches the node, or one can be made for it there. Pure.
 */
import type { Node, PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts';
import {
  askedBy,
  type Candidates,
  candidatesFor,
  classOf,
  isFullyBound,
  reaches,
  selectedNode,
  waitsForConsumer,
  whyNotMadeFor,
} from '../../api/volume-claims.ts';
import type { PodClaim, PodInfo } from '../pod-info.ts';
import type { VolumeCache } from './volume-cache.ts';

type Pv = PersistentVolume;
type Pvc = PersistentVolumeClaim;

interface UnboundClaim {
  readonly claim: Pvc;
  readonly storageClass: StorageClass | undefined;
  readonly candidates: Candidates;
}

export interface VolumeNeeds {
  /** The volumes of the claims that have one; undefined for one that is not there. */
  readonly bound: readonly (Pv | undefined)[];
  /** The claims that are bound with the pod, the smallest first. */
  readonly unbound: readonly UnboundClaim[];
}

/** What is to be written before the pod may be bound to the node. */
export interface VolumePlan {
  readonly bindings: readonly { readonly claim: Pvc; readonly volume: Pv }[];
  /** Those that a volume is to be made for. */
  readonly provisions: readonly Pvc[];
}

const outOfReach = "node(s) didn't match PersistentVolume's node affinity";
const nothingToBind = "node(s) didn't find available persistent volumes to bind";
const noVolume = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
/** The provisioner of a class whose volumes are all made by hand. */
const byHand = 'kubernetes.io/no-provisioner';

/** The needs of a pod with claims, or why no node will do yet. */
export function volumeNeeds(pod: PodInfo, cache: VolumeCache): VolumeNeeds | string {
  const bound: (Pv | undefined)[] = [];
  const unbound: UnboundClaim[] = [];
  let immediate = false;
  for (const named of pod.claims) {
    const claim = cache.claims.get(named.key);
    const why = whyNotUsable(pod, named, claim);
    if (!claim || why !== undefined) return why ?? '';
    const storageClass = cache.storageClass(classOf(claim));
    if (isFullyBound(claim)) bound.push(cache.volumes.get(claim.spec?.volumeName ?? ''));
    else if (claim.spec?.volumeName || !waitsForConsumer(storageClass)) immediate = true;
    else unbound.push({ claim, storageClass, candidates: candidatesFor(claim, cache.volumes.list()) });
  }
  if (immediate) return 'pod has unbound immediate PersistentVolumeClaims';
  return { bound, unbound: unbound.sort((a, b) => askedBy(a.claim) - askedBy(b.claim)) };
}

function whyNotUsable({ pod }: PodInfo, { name, isOwn }: PodClaim, claim: Pvc | undefined): string | undefined {
  const quoted = JSON.stringify(name);
  if (!claim && isOwn) return `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}`;
  if (!claim) return `persistentvolumeclaim ${quoted} not found`;
  if (claim.status?.phase === 'Lost') {
    const volume = JSON.stringify(claim.spec?.volumeName ?? '');
    return `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${volume}`;
  }
  if (claim.metadata?.deletionTimestamp) return `persistentvolumeclaim ${quoted} is being deleted`;
  return isOwn ? whyNotMadeFor(pod, claim) : undefined;
}

/** How the needs are met on the node, or why they cannot be. */
export function planAt({ bound, unbound }: VolumeNeeds, node: Node): VolumePlan | readonly string[] {
  const reasons = new Set<string>();
  for (const volume of bound) {
    if (!volume) reasons.add(noVolume);
    else if (!reaches(volume, node)) reasons.add(outOfReach);
  }
  const bindings: { claim: Pvc; volume: Pv }[] = [];
  const provisions: Pvc[] = [];
  const taken = new Set<Pv>();
  for (const { claim, storageClass, candidates } of unbound) {
    const selected = claim.metadata?.annotations?.[selectedNode];
    const volume = selected === undefined ? volumeAt(candidates, node, taken) : undefined;
    if (volume) {
      taken.add(volume);
      bindings.push({ claim, volume });
    } else if (mayBeMade(candidates, storageClass, selected, node)) provisions.push(claim);
    else reasons.add(nothingToBind);
  }
  return reasons.size > 0 ? [...reasons] : { bindings, provisions };
}

function volumeAt({ kept, free }: Candidates, node: Node, taken: ReadonlySet<Pv>): Pv | undefined {
  if (kept) return reaches(kept, node) ? kept : undefined;
  return free.find((volume) => !taken.has(volume) && reaches(volume, node));
}

function mayBeMade(
  { kept }: Candidates,
  storageClass: StorageClass | undefined,
  selected: string | undefined,
  node: Node,
): boolean {
  if (kept || !storageClass || storageClass.provisioner === byHand) return false;
  if (selected !== undefined && selected !== node.metadata?.name) return false;
  const topologies = storageClass.allowedTopologies ?? [];
  const labels = node.metadata?.labels ?? {};
  const isIn = ({ matchLabelExpressions = [] }: (typeof topologies)[number]): boolean =>
    matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''));
  return topologies.length === 0 || topologies.some(isIn);
}
