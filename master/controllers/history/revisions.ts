/**
 * The states of a DaemonSet's or StatefulSet's template, each kept as a ControllerRevision (Kubernetes' "ControllerRevision"). Pure.
 *
 * A revision holds a patch that brings its template back, which is what `kubectl rollout undo` applies. Its name follows from the
 * template, so a new leader or a late cache cannot make a second one; a template that comes back gets the highest number again.
 */
import type { Kind } from '../../api/kinds.ts';
import { deepEqual, lastApplied, newControllerRef } from '../../api/meta.ts';
import type { ControllerRevision, KubeObject, LabelSelector, PodTemplateSpec } from '../../api/types.ts';
import { timeOf } from '../pod-facts.ts';
import { hashOf } from '../template-hash.ts';

export interface Revised extends KubeObject {
  readonly spec?: {
    readonly selector: LabelSelector;
    readonly template: PodTemplateSpec;
    readonly revisionHistoryLimit?: number;
  };
  readonly status?: { readonly collisionCount?: number };
}

/** What one pass has to do so that the present template has a revision with the highest number. */
export type Revising =
  | { readonly step: 'none'; readonly revision: ControllerRevision }
  | { readonly step: 'renumber'; readonly revision: ControllerRevision }
  | { readonly step: 'create'; readonly revision: ControllerRevision };

const defaultLimit = 10;

/** `hashLabel`: under which label a revision bears its hash. */
export function reviseTo(
  owner: Revised,
  kind: Kind,
  hashLabel: string,
  known: readonly ControllerRevision[],
): Revising {
  const data = patchOf(owner.spec?.template);
  const sorted = known.toSorted(byNumber);
  const present = sorted.findLast((revision) => deepEqual(revision.data, data));
  const others = sorted.filter((revision) => revision !== present);
  const highest = Math.max(0, ...others.map(({ revision }) => revision));
  if (!present) return { step: 'create', revision: newRevision(owner, kind, hashLabel, data, highest + 1) };
  if (present.revision > highest) return { step: 'none', revision: present };
  return { step: 'renumber', revision: { ...present, revision: highest + 1 } };
}

/** Those that history need not keep, the oldest first. `isLive`: whether pods are, or are to be, of this revision. */
export function toForget(
  { spec }: Revised,
  known: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
): ControllerRevision[] {
  const idle = known.filter((revision) => !isLive(revision)).toSorted(byNumber);
  return idle.slice(0, Math.max(0, idle.length - (spec?.revisionHistoryLimit ?? defaultLimit)));
}

/** The template that the revision keeps; undefined if it keeps something else. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { $patch: _, ...template } = (data as Partial<Patch> | undefined)?.spec?.template ?? {};
  return 'spec' in template ? template : undefined;
}

export const isSameRevision = (a: ControllerRevision, b: ControllerRevision): boolean => deepEqual(a.data, b.data);

interface Patch {
  readonly spec: { readonly template: PodTemplateSpec & { readonly $patch: 'replace' } };
}

const patchOf = (template: PodTemplateSpec = {}): Patch => ({ spec: { template: { ...template, $patch: 'replace' } } });

function newRevision(owner: Revised, kind: Kind, hashLabel: string, data: Patch, revision: number): ControllerRevision {
  const { namespace, name, annotations } = owner.metadata ?? {};
  const hash = hashOf(data, owner.status?.collisionCount);
  const { [lastApplied]: _, ...told } = annotations ?? {};
  return {
    metadata: {
      namespace,
      name: `${name}-${hash}`,
      labels: { ...owner.spec?.template.metadata?.labels, [hashLabel]: hash },
      annotations: told,
      ownerReferences: [newControllerRef(owner, kind)],
    },
    data,
    revision,
  };
}

function byNumber(a: ControllerRevision, b: ControllerRevision): number {
  const age = ({ metadata }: ControllerRevision): number => timeOf(metadata?.creationTimestamp) ?? 0;
  return a.revision - b.revision || age(a) - age(b);
}
