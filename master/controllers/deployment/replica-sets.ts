/**
 * The ReplicaSets of a Deployment: which is the one of its present template, what makes them known as its own, and what they are
 * told. Pure. Names of labels and annotations are Kubernetes' ("Deployments", and kubectl's `rollout history`).
 */
import { kinds } from '../../api/kinds.ts';
import { deepEqual, lastApplied, newControllerRef } from '../../api/meta.ts';
import type { Deployment, PodTemplateSpec, ReplicaSet } from '../../api/types.ts';
import { hashOf } from '../template-hash.ts';
import {
  byAge,
  desiredAnnotation,
  hashLabel,
  historyAnnotation,
  limitsOf,
  maxAnnotation,
  replicasOf,
  revisionAnnotation,
  revisionOf,
} from './facts.ts';

/** What a ReplicaSet does not take over from its Deployment. */
const ownAnnotations = new Set([
  lastApplied,
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

/** Characters of all earlier revisions that one annotation remembers. */
const longestHistory = 2_000;

/** The ReplicaSet of the present template; the oldest if there are several. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec?.template);
  return sets.toSorted(byAge).find(({ spec }) => deepEqual(withoutHash(spec?.template), wanted));
}

/** The ReplicaSet to create for the present template. */
export function newReplicaSet(deployment: Deployment, old: readonly ReplicaSet[], replicas: number): ReplicaSet {
  const { metadata, spec } = deployment;
  const hash = templateHash(deployment);
  const template = spec?.template ?? {};
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  const set: ReplicaSet = {
    metadata: {
      namespace: metadata?.namespace,
      name: `${metadata?.name}-${hash}`,
      labels,
      ownerReferences: [newControllerRef(deployment, kinds.deployments)],
    },
    spec: {
      replicas,
      minReadySeconds: spec?.minReadySeconds ?? 0,
      selector: { ...spec?.selector, matchLabels: { ...spec?.selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  set.metadata = { ...set.metadata, annotations: annotationsFor(deployment, set, old) };
  return set;
}

/** What the ReplicaSet of the present template is to be annotated with: a revision above all others, and the Deployment's own. */
export function annotationsFor(
  deployment: Deployment,
  set: ReplicaSet,
  old: readonly ReplicaSet[],
): Record<string, string> {
  const present = set.metadata?.annotations ?? {};
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(([name]) => !ownAnnotations.has(name));
  const annotations = { ...present, ...Object.fromEntries(copied), ...scaleAnnotations(deployment) };
  const before = revisionOf(set);
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (before >= revision) return annotations;
  annotations[revisionAnnotation] = String(revision);
  if (before > 0) {
    const history = [...(present[historyAnnotation]?.split(',') ?? []), String(before)];
    while (history.join(',').length > longestHistory) history.shift();
    annotations[historyAnnotation] = history.join(',');
  }
  return annotations;
}

/** What a later change of size is shared out by. */
export function scaleAnnotations(deployment: Deployment): Record<string, string> {
  const desired = replicasOf(deployment);
  return {
    [desiredAnnotation]: String(desired),
    [maxAnnotation]: String(desired + limitsOf(deployment).maxSurge),
  };
}

/** Those that history need not keep, the oldest revisions first: nothing runs in them, and they are more than the limit. */
export function toForget(deployment: Deployment, old: readonly ReplicaSet[]): ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit;
  if (limit === undefined) return [];
  const alive = old.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const surplus = Math.max(0, alive.length - limit);
  return alive
    .toSorted((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b))
    .slice(0, surplus)
    .filter(
      ({ metadata, spec, status }) =>
        spec?.replicas === 0 &&
        (status?.replicas ?? 0) === 0 &&
        (metadata?.generation ?? 0) <= (status?.observedGeneration ?? 0),
    );
}

function withoutHash(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** Two templates, or one after a collision, have different hashes; the same one has the same, whatever the order of its fields. */
export const templateHash = ({ spec, status }: Deployment): string => hashOf(spec?.template, status?.collisionCount);
